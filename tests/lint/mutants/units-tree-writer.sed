# file: units/store_tree.c test: units/test_store_stage
s/writer = errno == EAGAIN/writer = errno == 0/
