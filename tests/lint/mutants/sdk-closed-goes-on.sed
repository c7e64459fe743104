# file: supervisor/sdk/lane.c test: sdk/test_open
s/while (!m->closed)/for (;;)/
