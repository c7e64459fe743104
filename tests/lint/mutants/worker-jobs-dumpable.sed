# file: supervisor/worker/jobs.c test: worker/test_jobs
s/prctl(PR_SET_DUMPABLE, 0)/prctl(PR_SET_DUMPABLE, 1)/
