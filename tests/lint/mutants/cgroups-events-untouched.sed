# file: cgroups/kill.c test: cgroups/test_kill
# A file without "populated" is an empty group.
s/^        return -EPROTO;$/        return 0;/
