# file: units/store.c test: units/test_store
s/ || renameat(app_fd, STORE_STATE_TMP, app_fd, STORE_STATE) < 0//
