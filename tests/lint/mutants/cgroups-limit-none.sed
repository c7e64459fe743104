# file: cgroups/limit.c test: cgroups/test_tree
# A limit that is taken off stays.
s/return fresh \&\& value == CGRP_NO_LIMIT ? 0/return value == CGRP_NO_LIMIT ? 0/
