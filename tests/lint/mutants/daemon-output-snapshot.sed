# file: supervisor/daemon/output_reader.c test: daemon/test_output_reader
s/r->left -= (uint64_t) n;/;/
