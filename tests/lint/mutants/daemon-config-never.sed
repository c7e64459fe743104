# file: supervisor/daemon/config_keys.c test: daemon/test_config
s/(span == 0 || span == PARSE_FOREVER)/(span == PARSE_FOREVER)/
