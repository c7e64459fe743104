# file: cgroups/unified.c test: cgroups/test_unified
# We stay in supervisor/ when the root goes.
s/^    move_back(root);$//
