# file: cgroups/reclaim.c test: cgroups/test_reclaim
s/ \&\& !atomic_load(\&r->cancel)//
