# file: units/store_stage.c test: units/test_store_stage
s/^    store_stage_discard(s, name); .*/    ;/
