#!/bin/sh
# for: trixie
# A program that knows only systemd's memory pressure protocol is an app of the service: it is
# warned, gives its cache back under real pressure, and does not notice that the supervisor goes.
. /vm/tests/vm/lib.sh
need_service
printf '[lifecycle]\nsuspend_after=0\nmax_foreground=2\n[memory]\nbudget=160M\n' >/etc/miniprogd.conf
systemctl reload miniprogd.service
stranger=org.example.stranger hungry=org.example.hungry
program=/vm/build/tests/integration/stranger
if ! command -v gcc >/dev/null; then
    echo "skipped: this machine has no compiler for it"
    echo "[  SKIPPED ] 1 test(s)."
    finish
fi
ok "it is built against this release's libsystemd" gcc -std=gnu17 -O1 -D_GNU_SOURCE -Wall -Wextra \
    -Werror -o $program /vm/tests/integration/stranger.c -lsystemd
add_app $stranger stranger 40
says() { miniprogctl logs $stranger | grep -q "^$1\$"; }
fill() { # NUMBER
    kill -USR1 "$(of $stranger pid)"
    await 60 says "cache $1: 40 MB"
}

# What it writes into the FIFO at the start comes back to it once.
miniprogctl open $stranger
ok "it listens" await 60 says 'pressure 1: 40 MB freed'
n=2
for level in 5 10 15; do
    fill $n
    miniprogctl warn $level $stranger
    ok "it hears level $level" await 60 says "pressure $n: 40 MB freed"
    n=$((n + 1))
done

pid=$(of $stranger pid) old=$(daemon_pid)
another_runs() { [ "$(daemon_pid)" != "$old" ] && [ "$(daemon_pid)" != 0 ] && miniprogctl list >/dev/null; }
kill -9 "$old"
await 30 another_runs
ok "it lives on" test "$(of $stranger pid)" = "$pid"
fill 5
miniprogctl warn 15 $stranger
ok "it hears the next supervisor" await 60 says 'pressure 5: 40 MB freed'

fill 6
add_app $hungry app_hog 20,lies '"ready": "notify"'
miniprogctl open $hungry '!take 85'
ok "under real pressure it gives its cache back" await 60 says 'pressure 6: 40 MB freed'
ok "and stays where it is" is_in $stranger foreground
ok "and nobody was killed" is_in $hungry foreground
remove_apps
rm -f /etc/miniprogd.conf
systemctl reload miniprogd.service
finish
