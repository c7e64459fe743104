# file: supervisor/daemon/output.c test: daemon/test_output_reader
s/atomic_store(&ch->followed, output_is_followed(o, id));/;/
