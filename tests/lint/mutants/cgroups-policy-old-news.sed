# file: cgroups/policy.c test: cgroups/test_trace
s/p->sensor\[i\].fresh = false;//
