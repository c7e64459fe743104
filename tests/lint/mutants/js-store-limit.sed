# file: supervisor/js/store.c test: js/test_store
s/    if (n > STORE_VALUE_MAX || /    if (/
