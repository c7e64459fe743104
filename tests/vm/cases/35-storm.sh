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
# Says each start in its data folder, then waits for its end.
app='#!/bin/sh
echo started >>$MINIPROG_DATA/starts
exec sleep infinity'
n=0
while [ $n -lt 50 ]; do
    add_app org.example.storm$n "$app"
    n=$((n + 1))
done
times=$(cat /vm/storm)
ok "$times restarts, fifty apps" python3 -I tests/vm/storm.py restarts "$times" 50
ok "$times times kill -9 at random moments" \
    python3 -I tests/vm/storm.py kills "$times" 20 "$(cat /vm/seed)"
ok "in one scope" test "$(systemctl list-units --no-legend 'miniprog-apps*.scope' | wc -l)" = 1
rm -f /etc/miniprogd.conf
systemctl reload miniprogd.service
remove_apps
finish
