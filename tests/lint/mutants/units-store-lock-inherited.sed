# file: units/store.c test: units/test_store
s/O_NOFOLLOW | O_CLOEXEC, 0600/O_NOFOLLOW, 0600/
