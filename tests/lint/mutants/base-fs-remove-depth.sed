# file: supervisor/base/fs_remove.c test: base/test_fs_remove
s/#define DEPTH_MAX 16/#define DEPTH_MAX 1600/
