# file: supervisor/daemon/log.c test: daemon/test_log
s/O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY/O_WRONLY | O_CLOEXEC | O_NOCTTY/
