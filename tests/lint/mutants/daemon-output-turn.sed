# file: supervisor/daemon/output_drain.c test: daemon/test_output
s/if (ch && !ch->gone && take(o, ch) > 0)/while (ch \&\& !ch->gone \&\& take(o, ch) > 0)/
