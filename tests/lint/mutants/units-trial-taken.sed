# file: units/trial.c test: units/test_trial
s/if (!u->taken || u->retreat || strcmp(u->boot, boot) != 0)/if (!u->taken || u->retreat)/
