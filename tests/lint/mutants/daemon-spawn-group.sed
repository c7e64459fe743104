# file: supervisor/daemon/spawn_clone.c test: daemon/test_spawn_clone
s/CLONE_PIDFD | CLONE_INTO_CGROUP/CLONE_PIDFD/
