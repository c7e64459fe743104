# file: supervisor/base/parse.c test: base/test_parse
s/sum == PARSE_FOREVER/sum > PARSE_FOREVER - 0/
