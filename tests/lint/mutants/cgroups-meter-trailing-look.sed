# file: cgroups/meter.c test: cgroups/test_sources
s/m->pace.wanted = m->pace.heard;/m->pace.wanted = false;/
