# file: supervisor/base/plain.c test: base/test_plain
s/(used == 2 && from\[0\] == 0xc2 && from\[1\] < 0xa0)/0/
