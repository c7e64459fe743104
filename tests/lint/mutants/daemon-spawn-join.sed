# file: supervisor/daemon/spawn.c test: daemon/test_spawn_clone
s/child->join_by_procs = true/child->join_by_procs = false/
