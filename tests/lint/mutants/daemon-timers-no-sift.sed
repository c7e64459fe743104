# file: supervisor/daemon/timers.c test: daemon/test_timers
s/        settle(t, place);/        (void) place;/
