# file: units/manifest_tree.c test: units/test_manifest_tree
s/st_mode & 0111/st_mode \& 07777/
