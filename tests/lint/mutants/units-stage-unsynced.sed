# file: units/store_stage.c test: units/test_store_stage
s/syncfs(s->dir_fd) < 0/false/
