# file: cgroups/meter.c test: cgroups/test_sources
s/now < m->pace.quiet/false/
