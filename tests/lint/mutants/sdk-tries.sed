# file: supervisor/sdk/call.c test: sdk/test_hostile
s/first->tries++/first->tries += 0/
