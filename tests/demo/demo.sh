#!/bin/sh
# demo.sh BUILD - a mini-program's life as a story, on real processes. What the supervisor says is
# held against what the kernel says; the first thing that is not as told ends it with 1.
set -eu
build=$(realpath "$1")
here=$(dirname "$0")
. "$here/stage.sh"

clock=org.example.clock redis=org.example.redis notes=org.example.notes
ticker=org.example.ticker crasher=org.example.crasher

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
    bold=$(printf '\033[1m') dim=$(printf '\033[2m') green=$(printf '\033[32m') plain=$(printf '\033[0m')
else
    bold='' dim='' green='' plain=''
fi
act() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
tell() { printf '  %s\n' "$*"; }
evidence() { printf '  %s%s%s\n' "$dim" "$*" "$plain"; }
wrong() {
    printf '\nNot as told: %s\n' "$*" >&2
    tail -n 20 "$base/miniprogd.log" >&2
    exit 1
}
. "$here/act-update.sh"
trap 'end_web; end_stage' EXIT
trap 'exit 130' INT TERM

ctl() { "$miniprogctl" "$@" || wrong "miniprogctl $*"; }
# One member of an app's status, as --json prints it.
field() { "$miniprogctl" --json status "$1" | sed -n "s/.*\"$2\":\"\\{0,1\\}\\([^,\"}]*\\).*/\\1/p"; }
state_of() { field "$1" state; }
pid_of() { field "$1" pid; }
kernel_state() { sed 's/.*) \(.\).*/\1/' "/proc/$1/stat" 2>/dev/null || echo gone; }
# until_true SECONDS COMMAND...
until_true() {
    left=$(($1 * 50))
    shift
    while ! "$@"; do
        left=$((left - 1))
        [ $left -gt 0 ] || return 1
        sleep 0.02
    done
}
is_state() { [ "$(state_of "$1")" = "$2" ]; }
is_kernel() { [ "$(kernel_state "$1")" = "$2" ]; }
becomes() { until_true "${3:-10}" is_state "$1" "$2" || wrong "$1 is $(state_of "$1"), not $2"; }
says() { "$miniprogctl" logs "$1" | grep -q "$2"; }
hears() { until_true 10 says "$1" "$2" || wrong "$1 did not say '$2'"; }
# What of one app the kernel knows: every process with its state.
processes() {
    for p in $(ps -o pid= --ppid "$1" 2>/dev/null) "$1"; do
        printf '%s %s(%s) ' "$(cat "/proc/$p/comm" 2>/dev/null)" "$p" "$(kernel_state "$p")"
    done
}
data() { echo "$base/state/apps/$redis/data"; }
redis_cli() { (cd "$(data)" && timeout "${patience:-5}" redis-cli -s redis.sock "$@"); }
answers() { [ "$(redis_cli ping 2>/dev/null)" = PONG ]; }

act "A supervisor, and mini-programs to supervise"
make_stage "[lifecycle]
suspend_after=1s
destroy_after=5s
background_grace=1s
stop_timeout=2s
[update]
allow_http=yes"
start_daemon
grep -m1 -e 'hybrid:' -e 'unified:' -e 'none:' "$base/miniprogd.log" | sed 's/^miniprogd: /  /' || true
install_examples | sed 's/^/  /'

act "Cold start: a process of its own, in a group of its own, under a uid of its own"
cold=$(ctl open $clock)
tell "$clock: $cold"
becomes $clock foreground
pid=$(pid_of $clock)
hears $clock launch
evidence "$(grep -H '^Uid:' "/proc/$pid/status" | tr '\t' ' ')"
evidence "/proc/$pid/cgroup: $(tail -n1 "/proc/$pid/cgroup")"

act "Another app comes in front: the clock is told, and runs on in background"
cold=$(ctl open $redis)
tell "$redis: $cold"
becomes $clock background
hears $clock hide
until_true 10 answers || wrong "redis does not serve"
redis_cli set story 'once upon a time' >/dev/null
tell "redis-server, unchanged, holds: story = '$(redis_cli get story)'"

act "After a second in background it is suspended: the kernel says so of every process"
becomes $clock suspended
until_true 5 is_kernel "$pid" T || wrong "the clock still runs"
evidence "$clock: $(processes "$pid")"
ctl open $notes >/dev/null
rpid=$(pid_of $redis)
becomes $redis suspended
until_true 5 is_kernel "$rpid" T || wrong "redis still runs"
evidence "$redis: $(processes "$rpid")"
patience=0.5 answers && wrong "a stopped redis answers"
tell "redis is stopped and does not answer"

act "Hot start: the same process goes on where it was"
hot=$(ctl open $redis)
tell "$redis: $hot     (its cold start: $cold)"
[ "$(pid_of $redis)" = "$rpid" ] || wrong "redis is another process"
until_true 5 answers || wrong "redis does not serve again"
[ "$(redis_cli get story)" = 'once upon a time' ] || wrong "redis lost its data"
evidence "$redis: $(processes "$rpid")"
tell "it kept its data over the suspension: story = '$(redis_cli get story)'"

act "Memory is short: those that run are warned, those that sleep are not woken"
ctl open $clock >/dev/null
tell "miniprogctl warn 10: $(ctl warn 10)"
hears $clock 'warning\|memory'
tell "the clock: $("$miniprogctl" logs $clock | grep -i 'memory\|warning' | tail -n1)"

. "$here/act-memory.sh"

act "A crash is recorded, with its signal"
ctl open $crasher crash >/dev/null
becomes $crasher stopped
tell "$("$miniprogctl" --json status $crasher | sed -n 's/.*"message":"\([^"]*\)".*/\1/p')"
[ "$(field $crasher reason)" = crashed ] || wrong "the reason is $(field $crasher reason)"

act "Forced close: an app that ignores everything is killed, and nobody survives"
ctl open $crasher hang >/dev/null
hpid=$(pid_of $crasher)
ctl close $crasher
[ ! -d "/proc/$hpid" ] || wrong "process $hpid lives"
evidence "/proc/$hpid: gone; reason $(field $crasher reason)"

act "Too long in background: destroyed, in order"
ctl open $ticker >/dev/null
tpid=$(pid_of $ticker)
ctl open $clock >/dev/null
becomes $ticker suspended
becomes $ticker stopped 15
evidence "/proc/$tpid: $(kernel_state "$tpid"); reason $(field $ticker reason)"
[ "$(field $ticker reason)" = background_timeout ] || wrong "the reason is $(field $ticker reason)"
tell "why: $("$miniprogctl" --json why $ticker | sed -n 's/.*"text":"\([^"]*\)".*/\1/p' | tail -n1)"

act "A new version is published: WeChat's own update code asks its user, and version 2 runs"
if [ -x "$build/miniprog-js" ]; then
    js=org.example.update-js
    open_shop
    js_version() {
        cp -R "$here/../../units/examples/update-js" "$shop/js"
        publish js "$1"
    }
    ctl remove $js >/dev/null
    js_version 1
    ctl install "$url/js.index" | sed 's/^/  /'
    js_version 2
    ctl open $js >/dev/null
    jpid=$(pid_of $js)
    dialog_of() { field $js dialog; }
    is_asking() { [ -n "$(dialog_of)" ]; }
    asked() { # the first event of a watch is what is there
        timeout 1 "$miniprogctl" --json watch | sed -n 's/.*"title":"\([^"]*\)","content":"\([^"]*\)".*/\1: \2/p' | head -n1
    }
    until_true 15 is_asking || wrong "$js asks nothing"
    dialog=$(dialog_of)
    tell "dialog $dialog: $(asked)"
    ctl answer "$dialog" yes
    is_second() { is_state $js foreground && [ "$(field $js version_code)" = 2 ]; }
    until_true 15 is_second || wrong "version 2 does not run"
    [ "$(field $js reason)" = update ] || wrong "the reason is $(field $js reason)"
    evidence "process $jpid: $(kernel_state "$jpid"), ended for: $(field $js reason); now $(pid_of $js), version $(field $js version_code)"
else
    tell "miniprog-js was not built here"
fi

act_update

act "kill -9 of the supervisor: the apps live, and the next one takes them over"
ctl open $clock >/dev/null
ctl open $redis >/dev/null
rpid=$(pid_of $redis) pid=$(pid_of $clock)
kill -9 "$daemon"
wait "$daemon" 2>/dev/null || true
is_kernel "$rpid" S || is_kernel "$rpid" R || wrong "redis did not survive"
answers || wrong "redis does not serve without a supervisor"
tell "without a supervisor redis still serves: story = '$(redis_cli get story)'"
start_daemon
[ "$(pid_of $redis)" = "$rpid" ] || wrong "redis was not adopted"
[ "$(pid_of $clock)" = "$pid" ] || wrong "the clock was not adopted"
"$miniprogctl" list --color=always | if [ -n "$bold" ]; then cat; else sed 's/\x1b\[[0-9;]*m//g'; fi | sed 's/^/  /'
hot=$(ctl open $clock)
tell "$clock: $hot"

act "The end: the apps first, then the supervisor"
kill "$daemon"
wait "$daemon" || wrong "the supervisor ended with $?"
daemon=
is_over() { case $(kernel_state "$1") in gone | Z) ;; *) return 1 ;; esac } # PID 1 reaps adopted ones
for p in $rpid $pid; do
    until_true 5 is_over "$p" || wrong "process $p is left"
done
evidence "nothing is left"
printf '\n%sAll of it was as told.%s\n' "$green" "$plain"
