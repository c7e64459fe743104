# file: units/statefile.c test: units/test_statefile
s/if (n == 0)$/if (n < 9)/
