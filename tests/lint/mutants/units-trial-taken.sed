# file: units/trial.c test: units/test_trial
s/if (!trial_is_on(u) || u->taken)/if (!trial_is_on(u))/
