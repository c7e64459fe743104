# file: supervisor/base/str.c test: base/test_str
s/n > s->max - s->len/n > s->max/
