# file: units/updates.c test: units/test_store_copy
s/bool other_key = newer->key\[0\] && .*/bool other_key = false;/
