# file: supervisor/daemon/config.c test: daemon/test_config
s/|| (unsigned) r < l->line//
