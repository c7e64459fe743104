# file: units/store_tree.c test: units/test_store_stage
s/(uint64_t) st.st_size != entry->size/(uint64_t) st.st_size < entry->size/
