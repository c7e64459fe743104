#!/bin/sh
# all.sh BUILD VERSION [CASE...] - the machines of $SUITES one after the other, and the totals of all.
set -u
build=$1 version=$2
shift 2
here=$(dirname "$0")
log=$(mktemp)
trap 'rm -f "$log"' EXIT

for suite in ${SUITES:-bookworm trixie}; do
    echo "==== $suite"
    if ! sh "$here/build.sh" "$suite" || ! programs=$(sh "$here/programs.sh" "$suite" "$build" "$version"); then
        echo "$suite: 0 passed, 1 failed, 0 skipped" | tee -a "$log"
        continue
    fi
    sh "$here/run.sh" "$suite" "$programs" "$@" 2>&1 | tee -a "$log"
done
awk '/^[a-z]*: [0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$/ { p += $2; f += $4; s += $6 }
    END { printf "%d passed, %d failed, %d skipped\n", p, f, s; exit f || !(p + s) }' "$log"
