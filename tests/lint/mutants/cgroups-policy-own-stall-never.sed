# file: cgroups/policy.c test: cgroups/test_trace
s/!p->config.alarm_count || !available/!available/
