# file: supervisor/base/fs.c test: base/test_fs
/^undo_temporary:/,/unlinkat/s/(void) unlinkat.*/;/
