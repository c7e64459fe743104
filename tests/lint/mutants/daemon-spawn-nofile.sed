# file: supervisor/daemon/spawn.c test: daemon/test_spawn
s/> NOFILE_DEFAULT)/> 999999)/
