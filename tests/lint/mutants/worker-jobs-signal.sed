# file: supervisor/worker/jobs.c test: worker/test_jobs
s/signal(SIGXFSZ, SIG_IGN)/signal(SIGXFSZ, SIG_DFL)/
