#!/bin/sh
# guest.sh - inside the machine: runs the cases of /vm/list one after the other, says on the serial
# line how each went, and hands the logs out on the third disk. A failed case's journal is among
# them. A case that asks for a reboot (lib.sh) goes on afterwards with its next phase.
set -u
cd /vm
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8
export HOME=/root MINIPROG_REQUIRE=cgroup2,unified,psi MINIPROG_BUILD=/vm/build MINIPROG_LIBEXEC=/vm/build MINIPROG_SOURCE=/vm
state=/var/lib/vm-guest
results=$state/results
mkdir -p $results
dmesg -n 1

# Tests make groups of their own: each runs in a leaf below ours, alone (leaf.sh).
group=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)
mkdir -p "$group/main" && echo $$ >"$group/main/cgroup.procs"
echo '+memory +pids' >"$group/cgroup.subtree_control"
export VM_GROUP="$group"

hand_out() {
    sync
    tar -cf /dev/vdc -C $results .
    sync
}

while read -r case; do
    name=${case%.sh}
    phase=$(cat "$state/$name" 2>/dev/null || echo 1)
    [ "$phase" != done ] || continue
    started=$(date '+%F %T')
    rm -f $state/reboot
    export VM_PHASE="$phase" VM_STATE="$state" VM_CASE="$name"
    if grep -q '^# programs' "tests/vm/cases/$case"; then
        # shellcheck disable=SC2046 # words
        set -- $(sh "tests/vm/cases/$case")
        limit=600
        [ ! -s only ] || limit=3000 # who chose knows
        again=$(cat again)
    else
        again= # what a case did to the machine stays
        set -- "/vm/tests/vm/cases/$case"
        limit=3000
    fi
    TEST_JOBS=1 TEST_TIMEOUT=$limit TEST_LONG=0 TEST_AGAIN=$again sh tests/run.sh $results "$@" || failed=1
    # Over all boots: what stood before a power cut may be just what is asked for.
    journalctl --no-pager -o short-precise --since "$started" >"$results/$name.journal" 2>&1
    [ "${failed:-}" ] || rm -f "$results/$name.journal"
    failed=
    if [ -e $state/reboot ]; then
        echo $((phase + 1)) >"$state/$name"
        hand_out
        echo "vm: reboot"
        systemctl reboot
        exit 0
    fi
    echo done >"$state/$name"
done <list

hand_out
echo "vm: end"
systemctl poweroff --force
