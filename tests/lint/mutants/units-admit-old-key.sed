# file: units/admit.c test: units/test_admit
s/return strcmp(pin, app->pinned) == 0 ? app->index_seen : 0;/return ix->sequence;/
