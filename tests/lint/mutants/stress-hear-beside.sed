# file: tests/stress/hear.c test: stress/test_hear
s/ && !r->kill\[k\]\.stuck//
