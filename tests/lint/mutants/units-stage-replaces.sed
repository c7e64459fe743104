# file: units/store_stage.c test: units/test_store_stage
s/there = r == -EEXIST/there = false/
