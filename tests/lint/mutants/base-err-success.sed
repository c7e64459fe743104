# file: supervisor/base/err.c test: base/test_err
s/return code < 0 ? code : -EINVAL;/return code;/
