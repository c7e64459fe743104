# file: cgroups/mount.c test: cgroups/test_mount
# A read-only mount will do.
s/ || !has_item(m.options, "rw"))/)/
