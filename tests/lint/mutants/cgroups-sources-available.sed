# file: cgroups/sources.c test: cgroups/test_sources
s/    if (n > 0)$/    if (false)/
