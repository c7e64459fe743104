# file: cgroups/replay.c test: cgroups/test_trace
s/(r->has_recorded ? r->unrecorded : 0)/0/
