#!/bin/sh
# for: bookworm
# Socket activation: a client starts the supervisor, and no client is lost over a restart.
. /vm/tests/vm/lib.sh
need_service
systemctl stop miniprogd.service
ok "the service is stopped" not systemctl --quiet is-active miniprogd.service
ok "the socket listens" systemctl --quiet is-active miniprogd.socket
ok "a client starts the service" miniprogctl list
ok "which runs" systemctl --quiet is-active miniprogd.service
ok "on the socket it was handed" test "$(stat -c %U:%G:%a /run/miniprogd/control)" = root:miniprog:660

# A call that comes while nobody runs waits in the socket.
systemctl restart --no-block miniprogd.service
lost=0
for i in 1 2 3 4 5 6 7 8 9 10; do miniprogctl list >/dev/null 2>&1 || lost=$((lost + 1)); done
ok "over a restart at most the call is lost that was being answered" test $lost -le 1
ok "the socket file is the same one afterwards" test -S /run/miniprogd/control
finish
