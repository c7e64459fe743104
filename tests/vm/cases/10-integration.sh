#!/bin/sh
# for: bookworm
# programs: those it prints are run
# The whole integration suite where the kernel has everything: cgroup v2 with memory and pids, all
# capabilities, real limits. TESTS=it_foo of the make that started it chooses; without it some are left
# out that an emulated processor takes too long for, and to which these groups are like any others.
left_out() {
    cat <<'END'
it_cgroups_none  is the backend without groups, and chases bombs through /proc: minutes
it_cuts          cuts the store short hundreds of times, and has no groups in it; 85-power cuts the power
it_faults        fails each call that changes the store, and has no groups in it
END
}

cd build/tests/integration || exit 1
if [ -s /vm/only ]; then
    programs=$(ls -d $(cat /vm/only))
else
    left_out | sed 's/^/-- left out: /' >&2
    programs=$(ls -d it_* | grep -vx $(left_out | sed 's/ .*//; s/^/-e /'))
fi
sh /vm/tests/vm/leaf.sh $(echo "$programs" | sed "s,^,$PWD/,")
