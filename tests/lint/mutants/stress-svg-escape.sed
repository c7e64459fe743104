# file: tests/stress/svg.c test: stress/test_page
s/return "&lt;";/return "<";/
