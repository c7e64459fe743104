# file: supervisor/daemon/notify.c test: daemon/test_notify
s/(MSG_TRUNC | MSG_CTRUNC)/0/
