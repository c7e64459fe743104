# file: supervisor/js/esm.c test: js/test_esm
s/ || is_member)/)/
