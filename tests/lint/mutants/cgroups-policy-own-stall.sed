# file: cgroups/policy.c test: cgroups/test_trace
s/^    pass_over_its_stalls(p, table);$//
