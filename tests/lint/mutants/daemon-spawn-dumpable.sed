# file: supervisor/daemon/spawn.c test: daemon/test_spawn
s/(void) prctl(PR_SET_DUMPABLE, 1);/;/
