# file: supervisor/daemon/output.c test: daemon/test_output
s/(!adopt || !S_ISFIFO(st.st_mode))/!S_ISFIFO(st.st_mode)/
