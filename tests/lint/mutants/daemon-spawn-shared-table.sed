# file: supervisor/daemon/spawn_child.c test: daemon/test_spawn_exec
s/    if (!c->shares_files ||/    if (c->shares_files ||/
