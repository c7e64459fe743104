# file: supervisor/daemon/spawn.c test: daemon/test_spawn_exec
/if (child.error != 0) {/,/}/s/reap(pid);/;/
