#!/bin/sh
# for: bookworm
# Somebody stops the scope, or kills its anchor: the supervisor asks for another.
. /vm/tests/vm/lib.sh
need_service
add_app org.example.one app_probe
miniprogctl open org.example.one
pid=$(of org.example.one pid)
old=$(daemon_pid)
new_supervisor() { [ "$(daemon_pid)" != "$old" ] && [ "$(daemon_pid)" != 0 ] && miniprogctl list >/dev/null 2>&1; }

ok "the anchor is killed" pkill -9 -x miniprog-anchor
ok "another supervisor comes" await 30 new_supervisor
ok "the app lives" test "$(of org.example.one pid)" = "$pid"
ok "the scope is held again" await 10 pgrep -x miniprog-anchor

old=$(daemon_pid)
ok "the scope is stopped" systemctl stop miniprog-apps.scope
ok "another supervisor comes" await 40 new_supervisor
ok "the app has ended" await 10 is_in org.example.one stopped
ok "it opens again" miniprogctl open org.example.one
ok "in the scope" grep -q miniprog-apps.scope "/proc/$(of org.example.one pid)/cgroup"

old=$(daemon_pid)
ok "the slice is stopped" systemctl stop miniprog.slice
ok "and everything with it" await 20 not anything_runs
need_service
remove_apps
finish
