# file: supervisor/base/json.c test: base/test_json
s/uselocale(newlocale(LC_ALL_MASK, "C", (locale_t) 0))/uselocale((locale_t) 0)/
