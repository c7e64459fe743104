# file: supervisor/base/jsonw.c test: base/test_jsonw
s/^    w->comma = false;/    ;/
