# file: units/store_part.c test: units/test_store_part
s/|| !is_ours_alone(fd)/|| fd < 0/
