# file: cgroups/dirs.c test: cgroups/test_tree
# A living leftover is tidied.
s/!fresh \&\& !is_populated(apps_fd, name) \&\&/!fresh \&\&/
