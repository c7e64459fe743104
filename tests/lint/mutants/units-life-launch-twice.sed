# file: units/life.c test: units/test_life
/LIFE_FOREGROUND\] =/,/^    },/s/\(LIFE_EV_READY\] *= \)KEEP/\1GO(FOREGROUND, LAUNCH)/
