# file: tests/stress/page_memory.c test: stress/test_page
s/"Z\\"><title>"/"Z\\" title>"/
