#!/bin/sh
# run.sh LOGS PROGRAM... - runs test programs one after the other, goes on after a failure, and
# ends with one line of totals. Fails if a test failed, a program died, or none ran.
#
# Output goes to a file first and is shown at the program's end: a process that a test left
# behind could hold a pipe open for ever.
set -u
logs=$1
shift
mkdir -p "$logs"
passed=0 failed=0 skipped=0 bad=

# "[  PASSED  ] 5 test(s)." as cmocka prints it.
count() {
    sed -n "s/^\[  $1 *\] \([0-9][0-9]*\) test(s).*/\1/p" "$2" | awk '{ n += $1 } END { print n + 0 }'
}

for program; do
    log=$logs/${program##*/}.log
    echo "== ${program##*/}"
    began=$(date +%s)
    # In the foreground: a shell starts background commands with SIGINT ignored, and tests would
    # hand that on.
    timeout --foreground -k 10 "${TEST_TIMEOUT:-600}" "$program" >"$log" 2>&1
    status=$?
    cat "$log"
    took=$(($(date +%s) - began))
    [ $took -lt "${TEST_LONG:-10}" ] || echo "-- ${program##*/} took $took s"
    p=$(count PASSED "$log")
    f=$(count FAILED "$log")
    s=$(count SKIPPED "$log")
    if ! grep -q '^\[=====*\] Running' "$log" && [ $status = 0 ]; then
        p=1 # not cmocka's: the program itself is the test
    elif [ "$f" = 0 ] && { [ $status != 0 ] || [ $((p + s)) = 0 ]; }; then
        echo "${program##*/}: ended with status $status after $p tests"
        f=1
    fi
    [ "$f" = 0 ] || bad="$bad ${program##*/}"
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
done

[ -z "$bad" ] || echo "failed:$bad"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ $((passed + skipped)) != 0 ]
