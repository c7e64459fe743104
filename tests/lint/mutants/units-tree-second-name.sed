# file: units/store_tree.c test: units/test_store_stage
s/if (st.st_nlink != 1)/if (st.st_nlink == 0)/
