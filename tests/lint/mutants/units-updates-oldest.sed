# file: units/updates.c test: units/test_updates
s/memmove(more, more + 1, --u->n_failed/memmove(more, more, --u->n_failed/
