# file: supervisor/sdk/lane.c test: sdk/test_reconnect
s/^        l->delay_us = 0;/        ;/
