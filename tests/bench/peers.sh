#!/bin/sh
# peers.sh BUILD - starts runit, s6 and supervisord with the bench's program as their one service,
# down, and has the bench compare them with miniprogd. What is not installed is left out.
set -eu
build=$1
in=/tmp
[ ! -w /dev/shm ] || in=/dev/shm
work=$(mktemp -d $in/mp-peers-XXXXXX)
chmod 711 "$work" # apps have users of their own
program=$build/tests/integration/app_bench
pids=

finish() {
    # shellcheck disable=SC2086 # a list of numbers
    [ -z "$pids" ] || kill $pids 2>/dev/null || true
    wait
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM HUP

# All that the program needs to know; its supervisors hand it on.
BENCH_CLOCK=$work/clock
BENCH_REST=1
export BENCH_CLOCK BENCH_REST

# service NAME - a folder with `run`, which is not to be started yet.
service() {
    mkdir "$work/$1"
    cp "$program" "$work/$1/run"
    touch "$work/$1/down"
}

# appears FILE - within 10 s.
appears() {
    for _ in $(seq 100); do
        [ ! -e "$1" ] || return 0
        sleep 0.1
    done
    echo "'$1' did not appear" >&2
    return 1
}

if command -v runsv >/dev/null; then
    service runit
    runsv "$work/runit" >/dev/null 2>&1 &
    pids="$pids $!"
    appears "$work/runit/supervise/control"
fi
if command -v s6-supervise >/dev/null; then
    service s6
    s6-supervise "$work/s6" >/dev/null 2>&1 &
    pids="$pids $!"
    appears "$work/s6/supervise/control"
fi
if command -v supervisord >/dev/null; then
    cat >"$work/supervisord.conf" <<END
[unix_http_server]
file=$work/supervisor.sock
[supervisord]
nodaemon=true
logfile=/dev/null
logfile_maxbytes=0
pidfile=$work/supervisord.pid
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://$work/supervisor.sock
[program:bench]
command=$program
autostart=false
autorestart=false
startsecs=0
stdout_logfile=NONE
stderr_logfile=NONE
END
    supervisord -c "$work/supervisord.conf" >/dev/null 2>&1 &
    pids="$pids $!"
    appears "$work/supervisor.sock"
fi
"$build/tests/bench/bench" peers "$work"
