# file: supervisor/daemon/spawn_child.c test: daemon/test_spawn_clone
s/(void) close((int) fd);/;/
