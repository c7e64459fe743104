# file: units/trial.c test: units/test_trial
s/return u->tries > 1 ? TRIAL_AGAIN/return u->tries > 0 ? TRIAL_AGAIN/
