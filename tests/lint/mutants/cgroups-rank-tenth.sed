# file: cgroups/rank.c test: cgroups/test_rank
s/(app->warn.had + 9) \/ 10/(app->warn.had + 9) \/ 10 + 1/
