# file: units/store.c test: units/test_store
s/    next.seq++;/    next.seq = ++state->seq;/
