# file: supervisor/sdk/call.c test: sdk/test_reconnect
s/m->last_seq >= 0/m->last_seq > 100/
