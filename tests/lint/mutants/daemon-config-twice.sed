# file: supervisor/daemon/config.c test: daemon/test_config
s/if (l->seen\[key\])/if (0)/
