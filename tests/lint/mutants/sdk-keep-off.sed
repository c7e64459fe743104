# file: supervisor/sdk/call.c test: sdk/test_reconnect
s/m->keep & ~c->keep/m->keep/
