# file: units/result.c test: units/test_result
s/!filelist_is_hash(hash)/strlen(hash) != 64/
