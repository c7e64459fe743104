# file: supervisor/base/json_scan.c test: base/test_json
s/< (double) JSON_INT_MAX/<= (double) JSON_INT_MAX/
