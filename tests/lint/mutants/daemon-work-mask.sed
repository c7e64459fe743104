# file: supervisor/daemon/work.c test: daemon/test_work
s/(void) pthread_sigmask(SIG_SETMASK, &all, &old);/(void) pthread_sigmask(SIG_SETMASK, NULL, \&old);/
