# file: supervisor/daemon/notify.c test: daemon/test_notify
s/++n->turns >= TURNS_MAX/++n->turns == 0/
