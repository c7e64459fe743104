# file: supervisor/base/json_scan.c test: base/test_json
s/unit < 0xDC00 || unit > 0xDFFF/unit < 0/
