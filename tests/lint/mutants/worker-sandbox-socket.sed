# file: supervisor/worker/sandbox.c test: worker/test_sandbox
s/if (r == 0 \&\& !s->network)/if (false)/
