# file: cgroups/name.c test: cgroups/test_name
# Names go without their prefix check.
s/if (strncmp(name, PREFIX, PREFIX_LEN) != 0)/if (strlen(name) < PREFIX_LEN)/
