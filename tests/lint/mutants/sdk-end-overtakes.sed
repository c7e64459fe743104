# file: supervisor/sdk/lane.c test: sdk/test_calls
s/first->serial < c->serial/false/
