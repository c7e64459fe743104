# file: units/store_tree.c test: units/test_store_stage
s/executable ? 0555 : 0444/executable ? 0755 : 0644/
