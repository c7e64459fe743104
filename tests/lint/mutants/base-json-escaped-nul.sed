# file: supervisor/base/json_scan.c test: base/test_json
s/if (unit == 0)/if (unit < 0)/
