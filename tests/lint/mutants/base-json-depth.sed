# file: supervisor/base/json_scan.c test: base/test_json
s/depth == JSON_DEPTH_MAX/depth > JSON_DEPTH_MAX/
