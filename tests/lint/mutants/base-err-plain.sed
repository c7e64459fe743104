# file: supervisor/base/err.c test: base/test_err
s/n > 0 \&\& !text_has_control(text, n)/n > 0/
