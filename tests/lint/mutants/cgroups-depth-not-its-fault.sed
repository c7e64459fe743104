# file: cgroups/depth.c test: cgroups/test_rank
s/resume->refault_bytes > resume->reclaimed_bytes \/ 20/resume->reclaimed_bytes > 0/
