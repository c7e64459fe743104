# file: units/store_version.c test: units/test_store_version
s/if (r < 0 \&\& r != -ENOENT)$/if (r == 4711)/
