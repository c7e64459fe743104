#!/bin/sh
# Run by VM_DENSITY=1 alone (all.sh): a machine of 512 MB with 1 GB of zram, apps of 32 MB, half of it
# incompressible, which touch it all every 100 ms while they run. How many stay warm while the one in
# front stalls for less than 5 % of its time: with nobody to look after them, beside systemd-oomd, beside
# earlyoom, where all run on; and with us. Each one's page is among the results (results/density).
# Nothing fails for a figure, but what was to run must have run.
. /vm/tests/vm/lib.sh
need_service
systemctl stop miniprogd.socket miniprogd.service
modprobe zram
echo 1 >/sys/block/zram0/reset # whoever used it before
echo 1G >/sys/block/zram0/disksize
mkswap /dev/zram0 >/dev/null
out=$VM_STATE/results/density
mkdir -p "$out"
cd /tmp || exit 1

# Everybody who is not us: apps run on when they are hidden, and nothing is decided for memory.
alone="--set=memory.policy=off --set=lifecycle.suspend_after=0"

# load NAME OPTION... - a status of 1 is a promise that did not hold, which is what is to be seen.
load() {
    name=$1
    shift
    sync
    echo 3 >/proc/sys/vm/drop_caches
    swapon -p 100 /dev/zram0
    echo "--- $name: $(free -m | awk '/^Mem/ { print $2 " MB, " $7 " available" }')"
    miniprog-stress --own --quiet --budget=none --time=240s --turns=60 \
        --out="$out/$name" "$@" density
    status=$?
    cat /sys/block/zram0/mm_stat
    swapoff /dev/zram0
    [ $status -lt 2 ] && [ -s "$out/$name/report.html" ]
}

ok "with us" load miniprogd
ok "with us, and apps that free half when they are warned" \
    load miniprogd-free --apps=80 --turns=100 --manners=free
# shellcheck disable=SC2086 # words
ok "with nobody" load nobody $alone

rm -f /etc/systemd/system/systemd-oomd.service /etc/systemd/system/systemd-oomd.socket
mkdir -p /etc/systemd/system/miniprog.slice.d /etc/systemd/system/-.slice.d
printf '[Slice]\nManagedOOMMemoryPressure=kill\nManagedOOMSwap=kill\n' \
    >/etc/systemd/system/miniprog.slice.d/oomd.conf
printf '[Slice]\nManagedOOMSwap=kill\n' >/etc/systemd/system/-.slice.d/oomd.conf
systemctl daemon-reload
swapon /dev/zram0 # without swap it does not start
ok "systemd-oomd runs" systemctl start systemd-oomd.service
swapoff /dev/zram0
# shellcheck disable=SC2086 # words
ok "with systemd-oomd" load systemd-oomd $alone
journalctl -u systemd-oomd.service -o cat | grep -i kill | tail -n 20
ok "which ran to the end" systemctl --quiet is-active systemd-oomd.service
systemctl stop systemd-oomd.socket systemd-oomd.service
rm -r /etc/systemd/system/miniprog.slice.d /etc/systemd/system/-.slice.d
ln -sf /dev/null /etc/systemd/system/systemd-oomd.service
ln -sf /dev/null /etc/systemd/system/systemd-oomd.socket
systemctl daemon-reload

earlyoom -r 0 >"$out/earlyoom.log" 2>&1 & # as Debian starts it, but without its reports
earlyoom=$!
# shellcheck disable=SC2086 # words
ok "with earlyoom" load earlyoom $alone
ok "which ran to the end" lives $earlyoom
kill $earlyoom
grep -i -e 'mem avail' -e sending "$out/earlyoom.log" | tail -n 20
finish
