# file: supervisor/js/value.c test: js/test_value
s/            c = 0xfffd;/            ;/
