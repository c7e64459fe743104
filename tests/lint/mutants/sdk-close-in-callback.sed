# file: supervisor/sdk/miniprog.c test: sdk/test_open
s/if (m && m->dispatching)/if (false)/
