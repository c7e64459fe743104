# file: units/manifest_ours.c test: units/test_manifest
s/ || value > a->max//
