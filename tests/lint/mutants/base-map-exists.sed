# file: supervisor/base/map.c test: base/test_map
s/if (find(m, key, hash))/if (!key)/
