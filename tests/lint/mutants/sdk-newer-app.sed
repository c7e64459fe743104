# file: supervisor/sdk/miniprog.c test: sdk/test_open
s/if (bytes\[i\] != 0)/if (false)/
