# file: supervisor/sdk/lane.c test: sdk/test_reconnect
s/^        m->restate = true;/        ;/
