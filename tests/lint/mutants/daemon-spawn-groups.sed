# file: supervisor/daemon/spawn_child.c test: daemon/test_spawn
s/syscall(NR_SETGROUPS, req->n_groups, req->groups) < 0 ||/0 ||/
