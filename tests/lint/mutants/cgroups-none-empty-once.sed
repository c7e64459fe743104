# file: cgroups/none.c test: cgroups/test_none
# A session that was empty once is still ours.
s/^    if (t->members == 0)$/    if (false)/
