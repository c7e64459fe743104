# file: supervisor/daemon/notify_parse.c test: daemon/test_notify
s/if (strlen(line) != n)/if (0)/
