# file: units/life.c test: units/test_life
/LIFE_FOREGROUND\] =/,/^    },/s/\(LIFE_EV_SUSPEND\] *= \)BUG/\1GO(SUSPENDED, SUSPEND)/
