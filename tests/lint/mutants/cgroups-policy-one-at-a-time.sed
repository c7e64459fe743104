# file: cgroups/policy.c test: cgroups/test_policy
s/level < CGRP_LOW || cgrp_victim_pending(table)/level < CGRP_LOW/
