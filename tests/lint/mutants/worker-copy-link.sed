# file: supervisor/worker/copy.c test: worker/test_copy
s/fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW)/fstatat(dir_fd, name, \&st, 0)/
