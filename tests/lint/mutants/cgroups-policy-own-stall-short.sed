# file: cgroups/policy.c test: cgroups/test_trace
s/ || available->level > 0 ||/ ||/
