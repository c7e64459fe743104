# file: cgroups/policy.c test: cgroups/test_trace
s/(cgrp_runs(app) || ending)/cgrp_runs(app)/
