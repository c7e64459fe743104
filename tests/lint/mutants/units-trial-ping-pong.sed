# file: units/trial.c test: units/test_trial
s/return TRIAL_ENVIRONMENT;/return TRIAL_AGAIN;/
