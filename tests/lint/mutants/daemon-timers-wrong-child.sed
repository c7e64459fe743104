# file: supervisor/daemon/timers.c test: daemon/test_timers
s/            child++;/            child += 0;/
