# file: supervisor/base/fs_remove.c test: base/test_fs_remove
s/a->stx_mnt_id == b->stx_mnt_id/1/
