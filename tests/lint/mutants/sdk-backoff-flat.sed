# file: supervisor/sdk/lane.c test: sdk/test_reconnect
s/l->delay_us \* 2/SDK_DELAY_MIN_US/
