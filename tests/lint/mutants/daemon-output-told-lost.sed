# file: supervisor/daemon/output_log.c test: daemon/test_output_log
s/log->lost = 0;/;/
