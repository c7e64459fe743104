# file: supervisor/base/parse.c test: base/test_parse
s/if (low > high)/if (low >= high)/
