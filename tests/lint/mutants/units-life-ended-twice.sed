# file: units/life.c test: units/test_life
/LIFE_STOPPED\] =/,/^    },/s/\(LIFE_EV_EMPTY\] *= \)BUG/\1GO(STOPPED, ENDED)/
