# file: supervisor/daemon/log.c test: daemon/test_log
s/atomic_fetch_add(&to.dropped, n);/;/
