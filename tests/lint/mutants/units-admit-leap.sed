# file: units/admit.c test: units/test_admit
s/ > INDEX_SEQUENCE_STEP_MAX/ > UINT64_MAX - 1/
