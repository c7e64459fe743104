# file: supervisor/sdk/lane.c test: sdk/test_reconnect
s/^    (void) epoll_ctl(m->epoll, EPOLL_CTL_DEL.*/    ;/
