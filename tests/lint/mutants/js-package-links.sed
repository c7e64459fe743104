# file: supervisor/js/package.c test: js/test_package
s/RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |/RESOLVE_BENEATH |/
