# file: supervisor/js/package.c test: js/test_package
s/== 0 ? strlen(BYTE_ORDER_MARK) : 0;/== 0 ? 0 : 0;/
