# file: supervisor/base/jsonw.c test: base/test_jsonw
s/| (quote - EACH_BYTE(1))/| (quote \& 0)/
