#!/bin/sh
# lane.sh WORK BUILD VERSION FILE - runs the machines of FILE one after the other: each line has a
# machine's name, "SUITE" or "SUITE+WHAT", and its cases. What a suite needs is made by the first
# lane that comes to it and noted in WORK.
set -u
work=$1 build=$2 version=$3 file=$4
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

while read -r machine cases <&3; do
    began=$(date +%s)
    echo "==== $machine"
    suite=${machine%%+*}
    if prepare "$suite"; then
        echo "-- $machine is made, $(($(date +%s) - began)) s"
        # shellcheck disable=SC2086 # words
        sh "$here/run.sh" "$machine" "$(cat "$work/$suite")" $cases 2>&1
        echo "-- $machine took $(($(date +%s) - began)) s"
    else
        echo "$machine: 0 passed, 1 failed, 0 skipped"
    fi
done 3<"$file"
