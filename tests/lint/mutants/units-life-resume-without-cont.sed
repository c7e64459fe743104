# file: units/life.c test: units/test_life
s/GO(FOREGROUND, RESUME)/GO(FOREGROUND, SHOW)/
