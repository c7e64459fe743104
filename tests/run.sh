#!/bin/sh
# run.sh LOGS PROGRAM... - runs test programs, TEST_JOBS at a time (one more than there are
# processors, for most wait much), goes on after a failure, and ends with one line of totals. Fails if
# a test failed, a program died, or none ran. TEST_TIMEOUT: the seconds that one may take.
# TEST_AGAIN, for CI: up to three programs that failed are run once more, alone, and that counts. One
# that passes then is named as unsteady: its first run's words stand above, for a fault to be looked for.
# What a sanitizer found, or the daemon of itself, is never run again.
#
# Output goes to a file first and is shown at the program's end: a process that a test left
# behind could hold a pipe open for ever, and programs that run at a time would talk across.
set -u
logs=$1
shift

# "[  PASSED  ] 5 test(s)." as cmocka prints it.
count() {
    sed -n "s/^\[  $1 *\] \([0-9][0-9]*\) test(s).*/\1/p" "$2" | awk '{ n += $1 } END { print n + 0 }'
}

# Runs it, shows what it said, and leaves "NAME PASSED FAILED SKIPPED" in NAME.totals.
one() {
    name=${1##*/}
    log=$logs/$name.log
    began=$(date +%s)
    timeout --foreground -k 10 "${TEST_TIMEOUT:-600}" "$1" >"$log" 2>&1
    status=$?
    took=$(($(date +%s) - began))
    p=$(count PASSED "$log")
    f=$(count FAILED "$log")
    s=$(count SKIPPED "$log")
    died=
    if ! grep -q '^\[=====*\] Running' "$log" && [ $status = 0 ]; then
        p=1 # not cmocka's: the program itself is the test
    elif [ "$f" = 0 ] && { [ $status != 0 ] || [ $((p + s)) = 0 ]; }; then
        died="$name: ended with status $status after $p tests"
        f=1
    fi
    echo "$name $p $f $s" >"$logs/$name.totals"
    {
        flock 9
        echo "== $name"
        cat "$log"
        [ $took -lt "${TEST_LONG:-10}" ] || echo "-- $name took $took s"
        [ -z "$died" ] || echo "$died"
    } 9>"$logs/.shown"
}

if [ "${1-}" = --one ]; then
    one "$2"
    exit 0
fi

mkdir -p "$logs"
rm -f "$logs"/*.totals
# By xargs, not by the shell, which starts background commands with SIGINT ignored: tests would
# hand that on.
[ $# = 0 ] || printf '%s\0' "$@" |
    xargs -0 -n 1 -P "${TEST_JOBS:-$(($(nproc) + 1))}" sh "$0" "$logs" --one
failed_one() { awk '$3 { bad = 1 } END { exit !bad }' "$logs/$1.totals"; }

if [ -n "${TEST_AGAIN:-}" ] && [ "$(cat "$logs"/*.totals | awk '$3' | wc -l)" -le 3 ]; then
    for program; do
        name=${program##*/}
        failed_one "$name" || continue
        ! grep -q -e 'Sanitizer: ' -e 'runtime error: ' -e 'found itself at fault' \
            "$logs/$name.log" || continue
        mv "$logs/$name.log" "$logs/$name.failed"
        echo "-- $name failed, and is run again alone"
        one "$program"
        failed_one "$name" || echo "unsteady: $name"
    done
fi
for program; do
    cat "$logs/${program##*/}.totals" || echo "${program##*/} 0 1 0"
done | awk '
    { p += $2; f += $3; s += $4 }
    $3 { bad = bad " " $1 }
    END {
        if (bad)
            print "failed:" bad
        printf "%d passed, %d failed, %d skipped\n", p, f, s
        exit f || !(p + s)
    }'
