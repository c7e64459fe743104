# file: units/life.c test: units/test_life
/LIFE_STOPPING\] =/,/^    },/{/LIFE_EV_DESTROY/d}
