# file: tests/stress/hear.c test: stress/test_hear
s/t->shown_us != RECORD_NONE || //
