#!/bin/sh
# for: bookworm trixie
# The package goes: its apps are ended, and a purge leaves nothing.
. /vm/tests/vm/lib.sh
need_service
add_app org.example.last app_probe
miniprogctl open org.example.last
pid=$(of org.example.last pid)
ok "the package is removed" dpkg -r miniprog
ok "the app has ended" not lives "$pid"
ok "nothing runs" not anything_runs
ok "the scope is gone" await 10 not systemctl --quiet is-active miniprog-apps.scope
ok "what was installed stays for a later package" test -d /var/lib/miniprogd/apps/org.example.last
ok "the package comes back" dpkg -i "$first"
ok "with its app" await 30 is_in org.example.last stopped
ok "it is purged" dpkg -P miniprog
ok "no state is left" test ! -e /var/lib/miniprogd
ok "no sockets are left" test ! -e /run/miniprogd
left=$(find / -xdev \( -path /proc -o -path /sys -o -path /vm -o -path /var/lib/vm-guest -o -path /tmp \
    -o -path /var/tmp -o -path /var/log -o -path /home \) -prune -o -name '*miniprog*' -print)
ok "no file is left" test -z "$left"
[ -z "$left" ] || echo "$left"
ok "systemd knows no unit of it" sh -c '! systemctl list-unit-files --no-legend | grep miniprog'
finish
