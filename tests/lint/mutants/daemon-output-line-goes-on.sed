# file: supervisor/daemon/output_drain.c test: daemon/test_output
s/if (ch->log.lost > 0)/if (1)/
