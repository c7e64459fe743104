# file: supervisor/worker/stage.c test: worker/test_stage
s/size > PACKAGE_BYTES_MAX - s->bytes/size > PACKAGE_BYTES_MAX/
