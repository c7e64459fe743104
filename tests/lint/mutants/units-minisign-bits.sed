# file: units/minisign.c test: units/test_minisign
s/return bits == 0;/return true;/
