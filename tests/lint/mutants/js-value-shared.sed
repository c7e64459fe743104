# file: supervisor/js/value.c test: js/test_value
s/from == all->shared || //
