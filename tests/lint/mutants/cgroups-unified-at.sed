# file: cgroups/unified.c test: cgroups/test_unified
# Into a scope of systemd we move as well.
s/if (r == -EBUSY \&\& own) {/if (r == -EBUSY) {/
