# file: units/store_copy.c test: units/test_store_copy
s/copy.seq <= state->seq/copy.seq >= state->seq/
