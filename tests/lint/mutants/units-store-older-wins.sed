# file: units/store.c test: units/test_store
s/seq <= damaged_seq/seq < damaged_seq/
