# file: supervisor/worker/names.c test: worker/test_names
s/if (known \&\& !known->folder)/if (false)/
