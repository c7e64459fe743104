#!/bin/sh
# for: bookworm
# Started by hand by root: a scope of its own, taken over by the next after kill -9.
. /vm/tests/vm/lib.sh
run=/run/hand
start() {
    setsid miniprogd --runtime-dir $run --state-dir /var/lib/hand >>/tmp/root-hand.log 2>&1 &
    await 30 ctl list >/dev/null
}
ctl() { miniprogctl --socket $run/control "$@"; }
pid_of() { ctl status org.example.hand --json | sed -n 's/.*"pid":\([0-9]*\).*/\1/p'; }
daemon() { # the one by hand; the service and the anchors are others
    for pid in $(pgrep -x miniprogd); do
        ! grep -q "$run" "/proc/$pid/cmdline" || echo "$pid"
    done
}
need_service

ok "it starts" start
daemon=$(daemon)
folder=/var/tmp/apps/org.example.hand
rm -rf $folder && mkdir -p $folder/bin
cp /vm/build/tests/integration/app_probe $folder/bin/run
echo '{ "app_id": "org.example.hand", "name": "Hand", "version": { "code": 1 },
  "miniprog": { "exec": ["bin/run"] } }' >$folder/manifest.json
ok "beside the service" systemctl --quiet is-active miniprogd.service
ok "an app is installed" ctl install $folder --unsigned
ok "and opens" ctl open org.example.hand
pid=$(pid_of)
ok "in a scope of its own" grep -q '/miniprog.slice/miniprog-apps-.*\.scope/apps/' "/proc/$pid/cgroup"
ok "where the supervisor is, too" grep -q 'miniprog-apps-.*/supervisor$' "/proc/$daemon/cgroup"
ok "its output is to be had from the supervisor" await 10 sh -c \
    "miniprogctl --socket $run/control logs org.example.hand | grep -q show"
kill -9 "$daemon"
ok "after kill -9 the app lives" lives "$pid"
ok "the next one starts" start
ok "and has it" test "$(pid_of)" = "$pid"
ok "from within the scope" grep -q 'miniprog-apps-.*/supervisor$' "/proc/$(daemon)/cgroup"
kill "$(daemon)"
ok "its end ends the app" await 20 not lives "$pid"
ok "and the scope" await 20 sh -c '! ls -d /sys/fs/cgroup/miniprog.slice/miniprog-apps-*'
ok "miniprogd --check is content" miniprogd --check --runtime-dir /run/checked --state-dir /var/lib/checked
ok "and leaves no scope" await 20 sh -c '! ls -d /sys/fs/cgroup/miniprog.slice/miniprog-apps-*'
finish
