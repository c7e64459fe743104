# file: units/manifest.c test: units/test_manifest
s/json_int(code) <= 0 ? 1/json_int(code) < 0 ? 1/
