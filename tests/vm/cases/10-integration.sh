#!/bin/sh
# for: bookworm
# programs: those it prints are run
# The whole integration suite where the kernel has everything: cgroup v2 with memory and pids, all
# capabilities, real limits. TESTS=it_foo of the make that started it chooses.
cd build/tests/integration && sh /vm/tests/vm/leaf.sh $(ls -d $(cat /vm/only) | sed "s,^,$PWD/,")
