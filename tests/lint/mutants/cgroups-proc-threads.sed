# file: cgroups/proc.c test: cgroups/test_proc
# The first thread that has stopped stands for all.
s/if (k < 0 || !is_halted(p.state))/if (k < 0)/
