# file: cgroups/kill.c test: cgroups/test_kill
# A main process that is gone counts as signalled, and so does whoever has its pid now.
s/if (pidfd < 0 || syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0) < 0)/(void) syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0);\n    if (pidfd < 0)/
