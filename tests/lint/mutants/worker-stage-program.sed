# file: supervisor/worker/stage.c test: worker/test_copy
s/s->files\[i\].executable = true/s->files[i].executable |= false/
