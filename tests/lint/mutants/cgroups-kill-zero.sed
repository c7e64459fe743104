# file: cgroups/proc.c test: cgroups/test_proc
# The 0 of a process outside of the namespace may be signalled: that is our own process group.
s/return pid > 1 \&\& pid/return pid >= 0 \&\& pid/
