# file: units/manifest_ours.c test: units/test_manifest
s/"LD_", //
