#!/bin/sh
# for: trixie
# What a newer systemd does otherwise: a reload is over when the supervisor says so; and a restart, and
# a stop, of this release's own.
. /vm/tests/vm/lib.sh
need_service
a=org.example.front b=org.example.asleep
add_app $a '#!/bin/sh
trap "exit 7" USR2
while :; do sleep 0.2; done'
add_app $b app_probe
miniprogctl open $b
miniprogctl open $a
await 30 is_in $b suspended
pid_a=$(of $a pid) pid_b=$(of $b pid)
as_they_were() {
    [ "$(of $a pid) $(of $b pid)" = "$pid_a $pid_b" ] && is_in $a foreground && is_in $b suspended
}
another_runs() { [ "$(daemon_pid)" != "$1" ] && [ "$(daemon_pid)" != 0 ] && miniprogctl list; }

ok "the service says when a reload is over" test "$(systemctl show -P Type miniprogd.service)" = notify-reload
old=$(daemon_pid)
printf '[lifecycle]\nmax_foreground=2\nsuspend_after=0\n' >/etc/miniprogd.conf
ok "a reload" systemctl reload miniprogd.service
# It holds as soon as systemctl returns: a second app in front sends the first nowhere.
miniprogctl open $b
ok "what was read holds at once" is_in $a foreground
ok "it is the same supervisor" test "$(daemon_pid)" = "$old"
rm -f /etc/miniprogd.conf
systemctl reload miniprogd.service
miniprogctl hide $b
await 30 is_in $b suspended

ok "a restart" systemctl restart miniprogd.service
ok "leaves all as they were" as_they_were
old=$(daemon_pid)
kill -STOP "$old"
kill -USR2 "$pid_a"
await 20 not lives "$pid_a"
kill -9 "$old"
ok "after kill -9 another runs" await 30 another_runs "$old"
ok "it knows of the app that ended in between" await 20 is_in $a stopped
miniprogctl status $a --json
uname -r
if [ "$(uname -r | awk -F. '{ print $1 * 1000 + $2 }')" -ge 6015 ]; then # PIDFD_INFO_EXIT
    ok "and its status" sh -c "miniprogctl status $a --json | grep -q '\"status\":7'"
else
    ok "and claims no status, which this kernel does not tell" \
        sh -c "! miniprogctl status $a --json | grep -q '\"status\":'"
fi
ok "the other one is as it was" test "$(of $b pid) $(of $b state)" = "$pid_b suspended"
ok "a stop" systemctl stop miniprogd.socket miniprogd.service
ok "ends the apps" await 20 not lives "$pid_b"
ok "and the scope" await 20 not systemctl --quiet is-active miniprog-apps.scope
need_service
remove_apps
finish
