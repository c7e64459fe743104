# file: units/store_version.c test: units/test_store_version
s/strcmp(state->pending.name, name) == 0)/false)/
