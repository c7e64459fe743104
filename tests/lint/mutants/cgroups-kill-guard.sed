# file: cgroups/kill.c test: cgroups/test_kill
# The guard thaws what somebody else had frozen.
s/if (group->held_frozen) {/if (false) {/
