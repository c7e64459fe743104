# file: units/store.c test: units/test_store
s/st.f_type & 0xffffffff/st.f_type/
