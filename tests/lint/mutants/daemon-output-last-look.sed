# file: supervisor/daemon/output_reader.c test: daemon/test_output_reader
s/if (r->fd >= 0 && !r->rotated) {/if (0) {/
