#!/bin/sh
# for: bookworm
# systemd-oomd runs beside us and looks after our slice, too. It acts when pressure lasts, we before it
# lasts: under a load that we answer for, it kills nothing, and what it does not see we still do.
. /vm/tests/vm/lib.sh
need_service
rm -f /etc/systemd/system/systemd-oomd.service /etc/systemd/system/systemd-oomd.socket
mkdir -p /etc/systemd/system/miniprog.slice.d
printf '[Slice]\nManagedOOMMemoryPressure=kill\nManagedOOMSwap=kill\n' \
    >/etc/systemd/system/miniprog.slice.d/oomd.conf
systemctl daemon-reload
modprobe zram
echo 1 >/sys/block/zram0/reset # whoever used it before
echo 256M >/sys/block/zram0/disksize
mkswap /dev/zram0 >/dev/null
swapon /dev/zram0 # without swap it does not start
since=$(date '+%F %T')
oomd_says() { journalctl --sync && journalctl --since "$since" -u systemd-oomd.service -o cat | grep -q -i "$1"; }

ok "systemd-oomd runs" systemctl start systemd-oomd.service
ok "and watches our slice" await 30 sh -c 'oomctl | grep -q miniprog.slice'
cd /tmp || exit 1
ok "the storm keeps its promise beside it" \
    miniprog-stress --own --quiet --budget=64M --size=16M --set=lifecycle.suspend_after=5s \
    --until-kills=5 --time=180s storm
oomctl | sed -n '/Memory Pressure/,$p'
ok "it killed nothing" not oomd_says 'killed'
ok "our service is as it was" systemctl --quiet is-active miniprogd.service
# An app that it kills is to us one that was killed by somebody else.
add_app org.example.one app_hog 8,lies '"ready": "notify"'
miniprogctl open org.example.one
echo 1 >/sys/fs/cgroup/miniprog.slice/miniprog-apps.scope/apps/app-org.example.one/cgroup.kill
ok "an app killed from outside is stopped" await 20 is_in org.example.one stopped
ok "as crashed, not for its memory" sh -c \
    "miniprogctl status org.example.one --json | grep -q '\"reason\":\"crashed\"'"
ok "and opens again" miniprogctl open org.example.one
remove_apps
systemctl stop systemd-oomd.socket systemd-oomd.service
rm -r /etc/systemd/system/miniprog.slice.d
ln -sf /dev/null /etc/systemd/system/systemd-oomd.service
ln -sf /dev/null /etc/systemd/system/systemd-oomd.socket
systemctl daemon-reload
swapoff -a
finish
