# file: supervisor/worker/copy.c test: worker/test_copy
s/path\[n - 1\] == '\/'/false/
