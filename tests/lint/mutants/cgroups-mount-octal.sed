# file: cgroups/mount.c test: cgroups/test_mount
# Mount points are taken as they are written.
s/^        unescape_octal(m.point);$//
