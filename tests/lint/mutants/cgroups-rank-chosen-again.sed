# file: cgroups/rank.c test: cgroups/test_rank
s/ app->kill.at == 0 / true /
