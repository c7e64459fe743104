# file: supervisor/daemon/notify.c test: daemon/test_notify
/SCM_RIGHTS/,/^    }/s/close_p(&fd);/;/
