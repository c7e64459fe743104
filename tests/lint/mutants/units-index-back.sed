# file: units/index_choose.c test: units/test_index_choose
s/ || (ix->downgrade_to \&\& p->code > ix->downgrade_to)//
