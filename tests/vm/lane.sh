#!/bin/sh
# lane.sh WORK BUILD VERSION - runs machines as long as there are some in WORK/machines, where each
# line has a machine's name, "SUITE" or "SUITE+WHAT", and its cases. What a suite needs is made by the
# first lane that comes to it and noted in WORK. TEST_AGAIN (tests/run.sh): a machine on which something
# failed within twenty minutes is run once more, and that counts.
set -u
work=$1 build=$2 version=$3
here=$(dirname "$0")

prepare() { # SUITE
    (
        flock 9
        [ -e "$work/$1" ] && exit
        sh "$here/build.sh" "$1" &&
            sh "$here/programs.sh" "$1" "$build" "$version" >"$work/$1.new" &&
            mv "$work/$1.new" "$work/$1"
    ) 9>"$work/$1.lock"
}

take() {
    (
        flock 9
        head -n 1 "$work/machines"
        sed -i 1d "$work/machines"
    ) 9>"$work/machines.lock"
}

run() {
    # shellcheck disable=SC2086 # words
    sh "$here/run.sh" "$machine" "$(cat "$work/$suite")" $cases 2>&1
}

while next=$(take) && [ -n "$next" ]; do
    machine=${next%% *} cases=${next#* }
    began=$(date +%s)
    echo "==== $machine"
    suite=${machine%%+*}
    if prepare "$suite"; then
        echo "-- $machine is made, $(($(date +%s) - began)) s"
        if ! run && [ -n "${TEST_AGAIN:-}" ] && [ $(($(date +%s) - began)) -lt 1200 ]; then
            echo "-- $machine failed, and is run again"
            ! run || echo "unsteady: $machine"
        fi
        echo "-- $machine took $(($(date +%s) - began)) s"
    else
        echo "$machine: 0 passed, 1 failed, 0 skipped"
    fi
done
