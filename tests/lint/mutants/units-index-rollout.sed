# file: units/index_choose.c test: units/test_index_choose
s/d->place < p->rollout/d->place <= p->rollout/
