# file: cgroups/mount.c test: cgroups/test_mount
# "/docker/abcd" is below "/docker/abc".
s/ || (path\[n\] != '\/' \&\& path\[n\] != '.0'))/)/
