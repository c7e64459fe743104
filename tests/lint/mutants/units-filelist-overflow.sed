# file: units/filelist.c test: units/test_filelist
s/entry->size > PACKAGE_BYTES_MAX - bytes/entry->size + bytes > PACKAGE_BYTES_MAX/
