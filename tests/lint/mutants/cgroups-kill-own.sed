# file: cgroups/proc.c test: cgroups/test_proc
# Our own pid may be signalled.
s/return pid > 1 \&\& pid != getpid();/return pid > 1;/
