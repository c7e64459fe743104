# file: supervisor/js/path.c test: js/test_path
s/name > 0 \&\& !comes_again([^)]*)/name > 0/
