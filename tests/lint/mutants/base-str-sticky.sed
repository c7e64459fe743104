# file: supervisor/base/str.c test: base/test_str
s/^    s->error = code;$/    (void) s;/
