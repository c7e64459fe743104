# file: units/store.c test: units/test_store
s/bool is_none = r == -ENOENT/bool is_none = r == -EBADMSG || r == -ENOENT/
