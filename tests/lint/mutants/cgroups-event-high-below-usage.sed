# file: cgroups/event.c test: cgroups/test_sources
s/if (high != base \&\& high < usage)/if (false)/
