# file: supervisor/daemon/spawn.c test: daemon/test_spawn_clone
s/    spawn_slots_empty(&kept.slots, req);/    (void) req;/
