# file: tests/stress/summary.c test: stress/test_summary
s/(v->n \* percent + 99) \/ 100 - 1/(v->n - 1) * percent \/ 100/
