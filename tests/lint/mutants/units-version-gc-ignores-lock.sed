# file: units/store_version.c test: units/test_store_version
s/if (r == -EWOULDBLOCK)$/if (r == 4711)/
