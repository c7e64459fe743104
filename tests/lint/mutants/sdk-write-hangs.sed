# file: supervisor/sdk/lane.c test: sdk/test_reconnect
s/(void) shutdown(l->fd, SHUT_RDWR);/;/
