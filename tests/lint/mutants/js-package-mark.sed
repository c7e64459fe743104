# file: supervisor/js/package.c test: js/test_package
s/                      ? strlen(BYTE_ORDER_MARK)/                      ? 0/
