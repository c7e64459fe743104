# file: units/store_tree.c test: units/test_store_stage
s/ && w.files != filelist_count(list)/ \&\& w.files > filelist_count(list)/
