# file: tests/stress/hear.c test: stress/test_hear
s/r->app\[i\]\.state == STATE_SUSPENDED || //
s/(r->app\[i\]\.state == STATE_BACKGROUND)/r->app[i].state == STATE_SUSPENDED/
