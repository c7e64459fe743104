#!/bin/sh
# for: bookworm
# programs: those it prints are run
# The whole integration suite where the kernel has everything: cgroup v2 with memory and pids, all
# capabilities, real limits.
sh tests/vm/leaf.sh build/tests/integration/it_*
