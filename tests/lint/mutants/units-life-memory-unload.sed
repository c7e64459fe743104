# file: units/life.c test: units/test_life
/LIFE_SUSPENDED\] =/,/^    },/s/GO(STOPPING, KILL), \/\* to run/GO(STOPPING, UNLOAD), \/* to run/
