# file: cgroups/policy.c test: cgroups/test_trace
s/level = s->last.level;/level = s->level;/
