# file: units/store_data.c test: units/test_store_data
s/if (r == 0 \&\& fchown(fd, uid, gid) < 0)/if (fchown(fd, uid, gid) < 0 \&\& r == 0)/
