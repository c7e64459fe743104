# file: supervisor/daemon/output_log.c test: daemon/test_output_log
s/log->mid_line || log->size == 0/log->size == 0/
