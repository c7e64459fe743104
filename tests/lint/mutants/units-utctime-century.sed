# file: units/utctime.c test: units/test_utctime
s/year % 100 != 0/true/
