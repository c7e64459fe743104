# file: cgroups/kill.c test: cgroups/test_kill
# The main process waits until all others are listed.
s/p.has_it = signal_main(group, main_pidfd, SIGCONT);/(void) signal_main;/
