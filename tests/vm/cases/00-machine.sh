#!/bin/sh
# for: bookworm trixie
# The machine is what the other cases take it for.
. /vm/tests/vm/lib.sh

ok "systemd is process 1" test "$(cat /proc/1/comm)" = systemd
ok "cgroup v2 alone is mounted" test "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs
ok "the memory controller is there" grep -qw memory /sys/fs/cgroup/cgroup.controllers
ok "PSI is there" test -r /proc/pressure/memory
ok "all capabilities are there" test "$(sed -n 's/^CapEff:\t//p' /proc/self/status)" = \
    "$(printf '%016x' $(((1 << ($(cat /proc/sys/kernel/cap_last_cap) + 1)) - 1)))"
ok "zram can be had" modprobe zram
ok "the machine came up whole" await 60 systemctl --quiet is-active multi-user.target
finish
