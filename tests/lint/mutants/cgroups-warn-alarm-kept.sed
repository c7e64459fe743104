# file: cgroups/policy.c test: cgroups/test_trace
s/cgrp_alarm_clear(\&app->limit.alarms);/;/
