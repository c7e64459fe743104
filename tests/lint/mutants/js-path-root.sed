# file: supervisor/js/path.c test: js/test_path
s/            return -EACCES;/            return 0;/
