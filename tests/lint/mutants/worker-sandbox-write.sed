# file: supervisor/worker/sandbox.c test: worker/test_sandbox
s/uint64_t rights = LANDLOCK_ACCESS_FS_READ_FILE;/uint64_t rights = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE;/
