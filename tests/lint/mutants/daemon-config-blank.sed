# file: supervisor/daemon/config.c test: daemon/test_config
s/while (n > 0 && strchr(BLANKS, \*line))/while (0)/
