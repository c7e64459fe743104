# file: supervisor/base/map.c test: base/test_map
s/^    e->key = NULL;/    ;/
