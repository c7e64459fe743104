# file: units/filelist.c test: units/test_filelist
s/++depth > PACKAGE_DEPTH_MAX/++depth > PACKAGE_DEPTH_MAX + 1/
