# file: supervisor/worker/stage.c test: worker/test_copy
s/if (s->n_files > 0)$/if (s->n_files > 9)/
