#!/bin/sh
# for: bookworm trixie
# A user's own supervisor, by the user's systemd and by hand, with limits where they are handed on.
. /vm/tests/vm/lib.sh
need_service
id user >/dev/null 2>&1 || useradd -m -s /bin/sh user
loginctl enable-linger user
uid=$(id -u user)
as() {
    runuser -u user -- env XDG_RUNTIME_DIR="/run/user/$uid" HOME=/home/user \
        DBUS_SESSION_BUS_ADDRESS="unix:path=/run/user/$uid/bus" "$@"
}
await 60 test -S "/run/user/$uid/bus"
tree=/sys/fs/cgroup/user.slice/user-$uid.slice/user@$uid.service/miniprog.slice
as_user_ctl() { as miniprogctl --user "$@"; }

ok "the user's service starts" as systemctl --user start miniprogd.service
ok "it answers" await 20 as_user_ctl list
ok "it has a scope in the user's tree" test -d "$tree/miniprog-apps.scope/apps"
ok "with the memory controller" grep -qw memory "$tree/miniprog-apps.scope/apps/cgroup.subtree_control"

folder=/home/user/app
rm -rf $folder && mkdir -p $folder/bin
cp /vm/build/tests/integration/app_probe $folder/bin/run
echo '{ "app_id": "org.example.mine", "name": "Mine", "version": { "code": 1 },
  "miniprog": { "exec": ["bin/run"], "memory_max": "64M" } }' >$folder/manifest.json
chown -R user: $folder
ok "an app is installed" as_user_ctl install $folder --unsigned
ok "and opens" as_user_ctl open org.example.mine
pid=$(as_user_ctl status org.example.mine --json | sed -n 's/.*"pid":\([0-9]*\).*/\1/p')
ok "as the user" test "$(stat -c %U "/proc/$pid")" = user
ok "in the user's scope" grep -q "user@$uid.service/miniprog.slice/miniprog-apps.scope" "/proc/$pid/cgroup"
ok "with its limit" test "$(cat "$tree/miniprog-apps.scope/apps/app-org.example.mine/memory.max")" = 67108864
ok "a restart" as systemctl --user restart miniprogd.service
await 20 as_user_ctl list >/dev/null
ok "leaves it" test "$(as_user_ctl status org.example.mine --json | sed -n 's/.*"pid":\([0-9]*\).*/\1/p')" = "$pid"
ok "a stop" as systemctl --user stop miniprogd.socket miniprogd.service
ok "ends it" await 10 not lives "$pid"

# By hand, from a login that is none of the user's systemd's.
systemd-run --quiet --scope --unit=login.scope --uid=user --slice=user-$uid.slice \
    --setenv=XDG_RUNTIME_DIR=/run/user/$uid --setenv=HOME=/home/user \
    sh -c 'exec miniprogd --user --runtime-dir $XDG_RUNTIME_DIR/hand --state-dir $HOME/state' \
    >/tmp/hand.log 2>&1 &
hand_ctl() { as miniprogctl --socket "/run/user/$uid/hand/control" "$@"; }
ok "started by hand it answers" await 30 hand_ctl list
cat /tmp/hand.log
ok "it has limits all the same" grep -q 'unified: memory and pids limits' /tmp/hand.log
ok "an app is installed" hand_ctl install $folder --unsigned
ok "and opens" hand_ctl open org.example.mine
pid=$(hand_ctl status org.example.mine --json | sed -n 's/.*"pid":\([0-9]*\).*/\1/p')
ok "in a scope of the user's" grep -q "user@$uid.service/miniprog.slice/miniprog-apps-" "/proc/$pid/cgroup"
daemon=$(pgrep -u user -x miniprogd)
ok "where the supervisor is, too" grep -q 'miniprog-apps-.*/supervisor$' "/proc/$daemon/cgroup"
kill "$daemon"
ok "its end ends the app" await 20 not lives "$pid"
ok "and the scope" await 20 sh -c "! ls -d $tree/miniprog-apps-*"
loginctl disable-linger user
finish
