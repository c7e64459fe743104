# file: supervisor/daemon/notify.c test: daemon/test_notify
s/TURNS_EVERY_US, TURNS_MAX/TURNS_EVERY_US, 100000/
