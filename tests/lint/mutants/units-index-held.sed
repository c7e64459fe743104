# file: units/index_choose.c test: units/test_index_choose
s/p->code <= d->held/p->code < d->held/
