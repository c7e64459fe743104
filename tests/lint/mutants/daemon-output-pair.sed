# file: supervisor/daemon/output_reader.c test: daemon/test_output_reader
s/same_file(old, now) || was_removed(now)/same_file(old, now)/
