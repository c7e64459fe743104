# file: cgroups/mount.c test: cgroups/test_mount
# What is outside of the namespace is below the mount.
s/strncmp(path, "..", 2) == 0/strncmp(path, "..", 2) == 7/
