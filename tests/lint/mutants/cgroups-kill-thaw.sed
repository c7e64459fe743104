# file: cgroups/kill.c test: cgroups/test_kill
# The guard does not let go.
s/^    if (f->dir_fd >= 0)$/    if (f->dir_fd >= 0 \&\& false)/
