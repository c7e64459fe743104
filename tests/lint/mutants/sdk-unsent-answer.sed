# file: supervisor/sdk/call.c test: sdk/test_hostile
s/!c || !c->sent/!c/
