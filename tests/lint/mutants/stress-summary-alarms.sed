# file: tests/stress/summary.c test: stress/test_summary
s/ && k->bystander >= 0 && !alarms;/ \&\& k->bystander >= 0;/
