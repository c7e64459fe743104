# file: units/trial.c test: units/test_trial
s/    if (unseen != TRIAL_NONE \&\& trial_settle/    if (unseen == TRIAL_BACK \&\& trial_settle/
