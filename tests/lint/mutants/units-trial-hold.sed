# file: units/trial.c test: units/test_trial
s/u->held = s->current.code > u->held ? s->current.code : u->held;/u->held = s->previous.code;/
