# file: tests/stress/order.c test: stress/test_plan
s/r->app\[r->leaker\]\.state != STATE_STOPPED/r->app[r->leaker].state == STATE_STARTING/
