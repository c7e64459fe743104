# file: supervisor/base/parse.c test: base/test_parse
s/fits = false;/;/
