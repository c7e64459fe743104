# file: supervisor/daemon/spawn.c test: daemon/test_spawn
s/strrchr(stat, .).)/strchr(stat, 0x29)/
