#!/bin/sh
# for: bookworm
# machine: power
# without: systemd-logind.service systemd-user-sessions.service systemd-udevd.service
# without: systemd-udevd-kernel.socket systemd-udevd-control.socket systemd-binfmt.service
# without: proc-sys-fs-binfmt_misc.automount dev-hugepages.mount dev-mqueue.mount
# without: sys-kernel-debug.mount sys-kernel-tracing.mount systemd-random-seed.service
# without: systemd-modules-load.service systemd-sysctl.service systemd-update-utmp.service
# without: systemd-update-utmp-runlevel.service kmod-static-nodes.service systemd-sysusers.service
# without: systemd-remount-fs.service systemd-tmpfiles-setup-dev.service
# Twenty power cuts amid installs, swaps, rollbacks and removals: in turn at a random moment, and at a
# kill point, where the tests' build of the supervisor stands still until the power goes. What a cut
# phase found is kept on the disk; the last phase tells it. VM_CUTS and VM_SEED choose others.
. /vm/tests/vm/lib.sh
cuts=$(cat /vm/cuts) seed=$(cat /vm/seed)
dir=/var/lib/vm-power
began=/run/vm-power-began
faults=$VM_STATE/power-faults

if [ "$VM_PHASE" = 1 ]; then
    echo "$cuts cuts, VM_SEED=$seed" >/dev/ttyS0
    need_service >/dev/null
    python3 -I tests/vm/power.py prepare $dir || echo "phase 1: cannot prepare" >>"$faults"
else
    await 60 systemctl --quiet is-active miniprogd.service || echo "phase $VM_PHASE: no service" >>"$faults"
    python3 -I tests/vm/power.py check $dir >/tmp/check.log 2>&1 ||
        sed "s/^/after cut $((VM_PHASE - 1)): /" /tmp/check.log >>"$faults"
    echo "after cut $((VM_PHASE - 1)): $(cat "$faults" 2>/dev/null || cat $dir/facts)" >/dev/ttyS0
fi
# For this boot alone: what is in /run goes with the power.
stand_still_at() { # POINT
    mkdir -p /run/systemd/system/miniprogd.service.d
    printf '[Service]\nExecStart=\nExecStart=/vm/build/miniprogd\n%s\n%s\n' \
        Environment=MINIPROG_LIBEXEC=/vm/build "Environment=MINIPROG_KILLPOINT=$1" \
        >/run/systemd/system/miniprogd.service.d/point.conf
    systemctl daemon-reload
    systemctl stop miniprogd.service
    systemctl start --no-block miniprogd.service
}
if [ "$VM_PHASE" -le "$cuts" ]; then
    next_phase_is_due
    if [ $((VM_PHASE % 2)) = 0 ]; then
        point=$(python3 -I tests/vm/power.py point $((VM_PHASE / 2 - 1)) "$seed")
        echo "cut $VM_PHASE: $point" >/dev/ttyS0
        stand_still_at "$point"
    fi
    python3 -I tests/vm/power.py torment $dir "$seed$VM_PHASE" $began &
    await 60 test -e $began
    if [ $((VM_PHASE % 2)) = 0 ]; then
        python3 -I tests/vm/power.py stopped || echo "cut $VM_PHASE: never came to $point" >>"$faults"
        [ ! -e "$faults" ] || sync "$faults"
        cut_power_after 0
    else
        cut_power_after "$(awk -v s="$((seed * 1000 + VM_PHASE))" \
            'BEGIN { srand(s); print int(rand() * 6000) }')"
    fi
    wait $!
    echo "phase $VM_PHASE: the torment ended before the power went" >>"$faults"
    sync
    sleep 60 # for the cut
fi
[ ! -e "$faults" ] || cat "$faults"
cat $dir/facts
echo
ok "after each of $cuts cuts (VM_SEED=$seed) every app is whole and starts" test ! -e "$faults"
finish
