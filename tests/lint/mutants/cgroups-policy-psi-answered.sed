# file: cgroups/policy.c test: cgroups/test_trace
s/s->event\[step\].unanswered \&\&/true \&\&/
