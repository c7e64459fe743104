# file: units/store_version.c test: units/test_store_version
s/(r = unlink_if_there(app_fd, STORE_STATE_TMP, e)) < 0 ||//
