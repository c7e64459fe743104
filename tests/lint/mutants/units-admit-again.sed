# file: units/admit.c test: units/test_admit
s/ix->sequence < app->index_seen/ix->sequence <= app->index_seen/
