# file: units/beneath.c test: units/test_manifest_tree
s/RESOLVE_BENEATH | //
