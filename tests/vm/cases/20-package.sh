#!/bin/sh
# for: bookworm trixie
# The package: installed, the service it brings, an upgrade under running apps.
. /vm/tests/vm/lib.sh
dpkg -P miniprog >/dev/null 2>&1

ok "the package installs" dpkg -i "$first"
ok "and leaves nothing half done" test -z "$(dpkg --audit)"
faults() {
    systemd-analyze "$@" 2>&1 | grep -i miniprog
}
ok "its units have no fault" not faults verify --man=no miniprogd.service miniprogd.socket miniprog.slice
ok "nor have the user's" not faults --user verify --man=no /usr/lib/systemd/user/miniprogd.service
systemd-analyze --no-pager security miniprogd.service 2>&1 | tail -3
ok "the service runs" await 30 systemctl --quiet is-active miniprogd.service
ok "and is enabled" systemctl --quiet is-enabled miniprogd.service miniprogd.socket
ok "the control socket is root's and the group's" \
    test "$(stat -c %U:%G:%a /run/miniprogd/control)" = root:miniprog:660
ok "others may pass through the runtime folder" test "$(stat -c %a /run/miniprogd)" = 711
ok "the command line reaches it" miniprogctl list
ok "it stands in its slice" grep -q '^0::/miniprog.slice/miniprogd.service$' "/proc/$(daemon_pid)/cgroup"
ok "its apps have a scope" systemctl --quiet is-active miniprog-apps.scope
ok "held by an anchor" pgrep -x miniprog-anchor
ok "manual pages are there" test -e /usr/share/man/man8/miniprogd.8.gz

useradd -M -G miniprog friend 2>/dev/null
useradd -M stranger 2>/dev/null
ok "the group may use it" runuser -u friend -- miniprogctl list
ok "others may not" not runuser -u stranger -- miniprogctl list 2>/dev/null

add_app org.example.front app_probe
add_app org.example.asleep app_probe
miniprogctl open org.example.asleep
miniprogctl open org.example.front
await 30 is_in org.example.asleep suspended
front=$(of org.example.front pid) asleep=$(of org.example.asleep pid) daemon=$(daemon_pid)
ok "the package upgrades" dpkg -i "$later"
ok "another supervisor runs" test "$(daemon_pid)" != "$daemon"
ok "with the app in front as it was" test "$(of org.example.front pid)" = "$front"
ok "and in front" is_in org.example.front foreground
ok "and the suspended one as it was" test "$(of org.example.asleep pid)" = "$asleep"
ok "and suspended" is_in org.example.asleep suspended
ok "which opens hot" miniprogctl open org.example.asleep
ok "in its old process" test "$(of org.example.asleep pid)" = "$asleep"
remove_apps
finish
