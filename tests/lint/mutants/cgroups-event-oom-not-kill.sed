# file: cgroups/event.c test: cgroups/test_sources
s/number_of(text, "oom_kill", \&kills)/number_of(text, "oom", \&kills)/
