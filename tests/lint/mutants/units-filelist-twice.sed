# file: units/filelist.c test: units/test_filelist
s/->path) >= 0/->path) > 0/
