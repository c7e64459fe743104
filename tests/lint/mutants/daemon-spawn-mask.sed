# file: supervisor/daemon/spawn.c test: daemon/test_spawn_clone
s/(void) syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &s->mask/(void) syscall(SYS_rt_sigprocmask, SIG_SETMASK, NULL, \&s->mask/
