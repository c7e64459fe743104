# file: supervisor/sdk/call.c test: sdk/test_reconnect
s/if (c->serial != 0)/if (true)/
