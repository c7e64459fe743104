# file: cgroups/kill.c test: cgroups/test_kill
# A cgroup.kill that fails counts as done.
s/if (pwrite(group->kill_fd, "1", 1, 0) == 1 || errno == ENODEV)/if (pwrite(group->kill_fd, "1", 1, 0) != 5)/
