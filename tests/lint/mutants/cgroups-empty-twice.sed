# file: cgroups/group.c test: cgroups/test_tree
# An emptying is reported each time it is told.
s/if (group->seen == CGRP_SEEN_EMPTY ||/if (/
