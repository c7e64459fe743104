# file: tests/stress/summary.c test: stress/test_summary
s/both = now < before ? now : before;/both = now;/
