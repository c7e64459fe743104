# file: cgroups/check_host.c test: cgroups/test_check_host
# The trigger goes without its NUL.
s/strlen(trigger) + 1)/strlen(trigger))/
