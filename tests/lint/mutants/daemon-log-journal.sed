# file: supervisor/daemon/log.c test: daemon/test_log
s/SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK/SOCK_DGRAM | SOCK_CLOEXEC/
