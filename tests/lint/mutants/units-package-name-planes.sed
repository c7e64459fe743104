# file: units/package_name.c test: units/test_package_name
s/(c \& 0xFFFE) == 0xFFFE/c == 0xFFFE/
