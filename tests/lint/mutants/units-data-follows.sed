# file: units/store_data.c test: units/test_store_data
s/g->gid, AT_SYMLINK_NOFOLLOW/g->gid, 0/
