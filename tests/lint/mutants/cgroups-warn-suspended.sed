# file: cgroups/warn.c test: cgroups/test_trace
s/app->limit.level == 0 || !cgrp_runs(app)/app->limit.level == 0/
