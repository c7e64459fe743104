# file: units/store_part.c test: units/test_store_part
s/return !is_over(&u, sha256);/return !is_over(\&u, "");/
