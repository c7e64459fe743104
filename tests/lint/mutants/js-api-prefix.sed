# file: supervisor/js/api.c test: js/test_api
s/ && (row->path\[n\] == '\\0' || row->path\[n\] == '.')//
