# file: cgroups/reclaim.c test: cgroups/test_reclaim
s/x == 0 || x == -EAGAIN/x == 0/
