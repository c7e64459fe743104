#!/bin/sh
# for: bookworm
# The journal: our lines with fields and a catalog, apps' output under their id; one that does not
# read holds nobody up.
. /vm/tests/vm/lib.sh
need_service
id=org.example.talker
since=$(date '+%F %T')
add_app $id '#!/bin/sh
echo "to standard output"
echo "to standard error" >&2
sleep 1
exit 7'
miniprogctl open $id
await 20 is_in $id stopped
field() { journalctl --sync 2>/dev/null; journalctl --since "$since" -o cat "$@" | grep -q .; }

ok "lines have the app as a field" await 10 field MINIPROG_APP=$id
ok "and the state" field MINIPROG_APP=$id MINIPROG_STATE=foreground MINIPROG_VERSION=1
ok "and the reason" field MINIPROG_APP=$id MINIPROG_REASON=crashed
ok "and an id of what they say" field MESSAGE_ID=3e249b130ee24a83b5affecd5fc7a2bf
journalctl --update-catalog
ok "which the catalog explains" sh -c \
    "journalctl --since '$since' -x MINIPROG_APP=$id | grep -q 'A mini-program is now foreground'"
ok "what it printed is under its id" sh -c "journalctl -t $id -o cat | grep -q 'to standard output'"
ok "all of it" sh -c "journalctl -t $id -o cat | grep -q 'to standard error'"
ok "and is what miniprogctl logs shows" sh -c "miniprogctl logs $id | grep -q 'to standard error'"
ok "so is nothing of others" sh -c "! miniprogctl logs $id | grep -v '^to standard'"

systemctl kill --kill-whom=main -s STOP systemd-journald.service
many() { for i in 1 2 3 4 5 6 7 8; do timeout 20 miniprogctl open $id >/dev/null 2>&1; done; }
many
ok "while the journal is stuck the supervisor answers" timeout 20 miniprogctl list
systemctl kill --kill-whom=main -s CONT systemd-journald.service
ok "and it was never ended for it" not sh -c "journalctl --since '$since' | grep -q 'miniprogd.service: Watchdog'"
remove_apps
finish
