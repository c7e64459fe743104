# file: units/index_choose.c test: units/test_index_choose
s/d->now >= d->clock_low \&\& //
