# file: cgroups/policy.c test: cgroups/test_policy
s/level >= CGRP_CRITICAL ? CGRP_APP_FOREGROUND : CGRP_APP_SUSPENDED/CGRP_APP_FOREGROUND/
