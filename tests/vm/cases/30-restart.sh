#!/bin/sh
# for: bookworm
# The supervisor ends in every way there is; the apps live on as they were.
. /vm/tests/vm/lib.sh
need_service
mkdir -p /etc/systemd/system/miniprogd.service.d
printf '[Service]\nWatchdogSec=4s\nTimeoutAbortSec=5s\n' \
    >/etc/systemd/system/miniprogd.service.d/short.conf
systemctl daemon-reload
systemctl restart miniprogd.service

a=org.example.front b=org.example.back c=org.example.asleep
# Prints on and on: nothing of it may be lost, and nobody may be killed by it.
talker='#!/bin/sh
i=0
while :; do i=$((i + 1)); echo "line $i"; sleep 0.3; done'
add_app $a app_probe
add_app $b "$talker" '' '"background": ["task"]'
add_app $c app_probe
miniprogctl open $c
miniprogctl open $b
miniprogctl open $a
await 30 is_in $c suspended
pid_a=$(of $a pid) pid_b=$(of $b pid) pid_c=$(of $c pid) since_c=$(of $c since_usec)

as_they_were() {
    [ "$(of $a pid) $(of $b pid) $(of $c pid)" = "$pid_a $pid_b $pid_c" ] &&
        [ "$(of $a cold_starts) $(of $c cold_starts)" = '1 1' ] &&
        is_in $a foreground && is_in $c suspended && [ "$(of $c since_usec)" = "$since_c" ] &&
        [ "$(proc_state "$pid_c")" = T ] && [ "$(proc_state "$pid_a")" = S ] && lives "$pid_b"
}
another_runs() { [ "$(daemon_pid)" != "$1" ] && [ "$(daemon_pid)" != 0 ] && miniprogctl list >/dev/null; }

old=$(daemon_pid)
ok "a restart" systemctl restart miniprogd.service
ok "is another supervisor" another_runs "$old"
ok "after it all are as they were" as_they_were

old=$(daemon_pid)
kill -9 "$old"
ok "after kill -9 another runs" await 30 another_runs "$old"
ok "and all are as they were" as_they_were

old=$(daemon_pid)
kill -STOP "$old"
ok "a loop that does not turn is ended by the watchdog" await 60 another_runs "$old"
ok "as the journal says" sh -c 'journalctl -u miniprogd.service | grep -q -i "watchdog timeout"'
ok "and all are as they were" as_they_were

old=$(daemon_pid)
sleep 6 # longer than the watchdog waits
ok "a loop that turns is left alone" test "$(daemon_pid)" = "$old"

printf '[lifecycle]\nmax_warm=4\n' >/etc/miniprogd.conf
ok "a reload" systemctl reload miniprogd.service
ok "is the same supervisor" test "$(daemon_pid)" = "$old"
printf '[lifecycle]\nmax_warm=many\n' >/etc/miniprogd.conf
systemctl reload miniprogd.service
ok "a wrong configuration is refused by file and line" \
    sh -c 'journalctl -u miniprogd.service | grep -q "/etc/miniprogd.conf:2"'
ok "and all are as they were" as_they_were
rm -f /etc/miniprogd.conf

apps=/sys/fs/cgroup/miniprog.slice/miniprog-apps.scope/apps
is_proc_state() { [ "$(proc_state "$1")" = "$2" ]; }
old=$(daemon_pid)
kill -STOP "$old"
echo 1 >"$apps/app-$a/cgroup.freeze"
kill -STOP "$pid_a"
kill -9 "$old"
ok "after a supervisor that left an app frozen and stopped" await 30 another_runs "$old"
ok "it is not frozen" await 10 grep -q 'frozen 0' "$apps/app-$a/cgroup.events"
ok "nor stopped" await 10 is_proc_state "$pid_a" S
kill -CONT "$pid_c"
old=$(daemon_pid)
kill -9 "$old"
ok "after one that left a suspended app running" await 30 another_runs "$old"
ok "it is stopped" await 10 is_proc_state "$pid_c" T
ok "and all are as they were" as_they_were

kill "$pid_a"
ok "an app that ends is noticed by the last of them" await 20 is_in $a stopped
ok "the suspended one opens hot" miniprogctl open $c
ok "in its old process" test "$(of $c pid)" = "$pid_c"

ok "a stop" systemctl stop miniprogd.socket miniprogd.service
ok "ends the apps" await 10 not lives "$pid_b"
ok "all of them" not lives "$pid_c"
ok "and the scope" await 20 not systemctl --quiet is-active miniprog-apps.scope
ok "no anchor is left" not pgrep -x miniprog-anchor
ok "nothing is left in the slice" await 10 test ! -d /sys/fs/cgroup/miniprog.slice/miniprog-apps.scope
need_service
remove_apps
finish
