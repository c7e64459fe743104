# file: supervisor/base/fs.c test: base/test_fs
s/O_RDONLY | O_NOFOLLOW | O_NONBLOCK/O_RDONLY | O_NONBLOCK/
