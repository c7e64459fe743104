# file: units/updates.c test: units/test_updates
s/int r = write_unknown(u->unknown, w);/int r = write_unknown(NULL, w);/
