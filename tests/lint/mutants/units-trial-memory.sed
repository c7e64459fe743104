# file: units/trial.c test: units/test_trial
/case EXIT_MEMORY_LIMIT_REASON:/d
s/case EXIT_UNRESPONSIVE_REASON:/& case EXIT_MEMORY_LIMIT_REASON:/
