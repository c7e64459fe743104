#!/bin/sh
# for: bookworm
# machine: storm
# The supervisor goes a hundred times by request and a hundred times by kill -9 (VM_STORM chooses how
# often), with fifty apps in mixed states: none is lost, none is stranded, none is counted wrong.
. /vm/tests/vm/lib.sh
need_service
# Nobody goes for memory here: where a machine crawls, as an emulated one does, reading programs back
# that reclaim has dropped counts as pressure, and takes a suspended app with it.
cat >/etc/miniprogd.conf <<'CONF'
[lifecycle]
max_warm=0
max_foreground=10
suspend_after=1s
stop_timeout=2s
[memory]
policy=off
CONF
systemctl reload miniprogd.service
# It comes back without the pause that the service makes, for which we would wait a hundred times.
mkdir -p /etc/systemd/system/miniprogd.service.d
printf '[Service]\nRestartSec=1ms\n' >/etc/systemd/system/miniprogd.service.d/storm.conf
systemctl daemon-reload
ok "fifty apps" python3 -I tests/vm/storm.py install 50
times=$(cat /vm/storm) seed=$(cat /vm/seed)
ok "$times restarts, fifty apps" python3 -I tests/vm/storm.py restarts "$times" 50
ok "$times times kill -9 at random moments (VM_SEED=$seed)" \
    python3 -I tests/vm/storm.py kills "$times" 20 "$seed"
ok "in one scope" test "$(systemctl list-units --no-legend 'miniprog-apps*.scope' | wc -l)" = 1
rm -rf /etc/miniprogd.conf /etc/systemd/system/miniprogd.service.d
systemctl daemon-reload
systemctl reload miniprogd.service
ok "they go" python3 -I tests/vm/storm.py remove 50
finish
