# file: supervisor/js/store.c test: js/test_store
s/    s->size = s->size - old + key.n + n;/    s->size = s->size + key.n + n;/
