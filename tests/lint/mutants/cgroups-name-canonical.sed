# file: cgroups/name.c test: cgroups/test_name
# One id may have several names.
s/if (c <= 0 || is_plain((char) c))/if (c <= 0)/
