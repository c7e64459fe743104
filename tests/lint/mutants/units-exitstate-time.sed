# file: units/exitstate.c test: units/test_exitstate
s/(uint64_t) expires > now_usec/(uint64_t) expires >= now_usec/
