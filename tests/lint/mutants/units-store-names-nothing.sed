# file: units/store.c test: units/test_store
s/faccessat(app_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0/false/
