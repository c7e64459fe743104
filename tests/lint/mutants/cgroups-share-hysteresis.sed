# file: cgroups/fact.c test: cgroups/test_psi
s/permille >= cgrp_share_entry\[i\] - CGRP_SHARE_HYSTERESIS/permille > cgrp_share_entry[i] - CGRP_SHARE_HYSTERESIS/
