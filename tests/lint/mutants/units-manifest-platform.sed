# file: units/manifest.c test: units/test_manifest
s/platform_min_code > host_code/platform_min_code > host_code + 1/
