# file: units/manifest_read.c test: units/test_manifest
s/n == 2 \&\& part\[0\]/n == 3 \&\& part[0]/
