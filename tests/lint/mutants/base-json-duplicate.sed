# file: supervisor/base/json.c test: base/test_json
s/for (at = 1; at < count/for (at = 2; at < count/
