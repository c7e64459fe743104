# file: supervisor/daemon/output_drain.c test: daemon/test_output
s/            settle(o, c->id);/            ;/
