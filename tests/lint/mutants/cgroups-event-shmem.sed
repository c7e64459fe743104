# file: cgroups/event.c test: cgroups/test_sources
s/file > shmem ? file - shmem : 0/file/
