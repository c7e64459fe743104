# file: supervisor/worker/names.c test: worker/test_names
s/UNINORM_NFC/NULL/
