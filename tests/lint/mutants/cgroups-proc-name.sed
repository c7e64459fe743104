# file: cgroups/proc.c test: cgroups/test_proc
# The name of a process ends at its first bracket.
s/strrchr(text, ')')/strchr(text, ')')/
