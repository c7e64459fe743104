#!/bin/sh
# for: bookworm
# Memory where the kernel has everything: PSI in short windows, the OOM killer in an app's group, swap on
# zram and reclaim of what is suspended; then the storm, and a leak until the machine itself is empty.
. /vm/tests/vm/lib.sh
need_service
configure() { # MORE of [memory]
    printf '[lifecycle]\nsuspend_after=1s\nmax_warm=0\n[memory]\nbudget=400M\n%b' "${1:-}" >/etc/miniprogd.conf
    systemctl restart miniprogd.service
}
configure
hog=org.example.hog small=org.example.small
threshold() { miniprogctl memory --json | grep -q "\"name\":\"$1\"[^}]*$2"; }
source_works() { miniprogctl memory --json | grep -q "\"name\":\"$1\",\"works\":true"; }
over() { [ "$(of "$1" "$2")" -gt "$3" ]; }
under() { [ "$(of "$1" "$2")" -lt "$3" ]; }

for source in budget available psi_system psi_apps; do
    ok "$source is watched" source_works $source
done
ok "the system's PSI in windows of a second" threshold psi_system 'some 70ms in 1s'
ok "and that of all apps" threshold psi_apps 'some 70ms in 1s'

# The kernel's own kill: the whole group goes at once, and it is told apart. Ours would come before it
# where the app stalls for long enough at its limit.
configure 'policy=off\n'
add_app $small app_hog 4,lies '"ready": "notify", "memory_max": "24M"'
ok "an app with a limit opens" miniprogctl open $small
group=/sys/fs/cgroup/miniprog.slice/miniprog-apps.scope/apps/app-$small
ok "which the kernel has" test "$(cat $group/memory.max)" = $((24 << 20))
ok "for the group as a whole" test "$(cat $group/memory.oom.group)" = 1
miniprogctl open $small '!take 60'
ok "over it the kernel ends it" await 30 is_in $small stopped
ok "which is told" sh -c "miniprogctl status $small --json | grep -q '\"reason\":\"memory_limit\"'"
ok "and why" sh -c "miniprogctl why $small | grep -q -i kernel"

# What is suspended goes to swap, and comes back whole.
modprobe zram
echo 1 >/sys/block/zram0/reset # whoever used it before
echo 512M >/sys/block/zram0/disksize
mkswap /dev/zram0 >/dev/null
swapon /dev/zram0
configure # and it looks for swap at its start
add_app $hog app_hog 96,lies '"ready": "notify"'
ok "a large app opens" miniprogctl open $hog
ok "and holds its memory" over $hog memory_current $((90 << 20))
pid=$(of $hog pid)
miniprogctl hide $hog
ok "it is suspended" await 30 is_in $hog suspended
ok "and most of its memory is taken back" await 60 under $hog memory_current $((40 << 20))
ok "which is in swap" over $hog memory_swap $((64 << 20))
miniprogctl memory
ok "it opens hot" miniprogctl open $hog '!drop 6'
ok "in its old process" test "$(of $hog pid)" = "$pid"
ok "where it goes on" await 30 sh -c "miniprogctl logs $hog | grep -q 'holds 90'"
remove_apps
swapoff -a

# Twice what fits, as fast as people tap, in the budget's limit; then a leak that no budget holds.
cd /tmp || exit 1
ok "the storm keeps its promise" miniprog-stress --own --quiet --budget=128M --size=16M \
    --until-kills=4 --time=300s storm
ok "so does a leak until the machine is empty" \
    miniprog-stress --own --quiet --budget=none --time=600s leak
ok "the service heard nothing of it" sh -c "! miniprogctl list | grep -q '\.'"
rm -f /etc/miniprogd.conf
systemctl restart miniprogd.service
finish
