# file: supervisor/sdk/event.c test: sdk/test_events
s/if (seq <= m->last_seq)/if (false)/
