# file: cgroups/none.c test: cgroups/test_none
# The uid of root tells whose a process is.
s/return uid != (uid_t) -1 \&\& uid != 0 \&\& uid != getuid() \&\& uid != geteuid();/return uid != (uid_t) -1;/
