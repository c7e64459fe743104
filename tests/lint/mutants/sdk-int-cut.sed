# file: supervisor/sdk/value.c test: sdk/test_events
s/wide < INT_MIN || wide > INT_MAX/false/
