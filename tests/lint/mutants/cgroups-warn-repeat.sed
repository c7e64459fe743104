# file: cgroups/warn.c test: cgroups/test_trace
s/p->level <= p->warned \&\& now < p->warn_next/now < p->warn_next/
