# file: units/trial.c test: units/test_trial
s/if (!trial_is_on(u) && s->current.code >= u->minimum/if (s->current.code >= u->minimum/
