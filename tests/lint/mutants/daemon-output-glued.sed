# file: supervisor/daemon/output_reader.c test: daemon/test_output_reader
s/^    end_line(r);/    ;/
