#!/bin/sh
# all.sh BUILD VERSION [CASE...] - the machines of $SUITES, and the totals of all.
#
# With no CASE named, the long cases each have a machine of their own ("# machine: NAME" in their first
# lines). Two lanes, since each machine waits for much that takes no processor, take one after the
# other: what this one says is shown as it comes, what the other says at the end. VM_DENSITY=1 is a
# small machine alone.
set -u
build=$1 version=$2
shift 2
here=$(dirname "$0")
if [ -n "${VM_DENSITY:-}" ]; then
    set -- 95-density
    SUITES=bookworm # which has earlyoom
    export VM_MEMORY=512
fi
suites=${SUITES:-bookworm trixie}
unset MAKEFLAGS MFLAGS MAKELEVEL # the makes that we start have jobs of their own

work=$(mktemp -d)
beside=
trap '[ -z "$beside" ] || kill -- "-$beside" 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP

cases_for() { (cd "$here/cases" && grep -l "^# for:.*\<$1\>" -- *.sh); }
own_machine() { sed -n 's/^# machine: //p' "$here/cases/$1"; }

# One line a machine: its name, then its cases. The releases' machines come first: each lane begins
# with an image to make.
if [ $# != 0 ]; then
    for suite in $suites; do echo "$suite $*"; done
else
    for suite in $suites; do
        echo "$suite $(for case in $(cases_for "$suite"); do
            [ -n "$(own_machine "$case")" ] || echo "${case%.sh}"
        done | xargs)"
    done
    for suite in $suites; do
        for case in $(cases_for "$suite"); do
            name=$(own_machine "$case")
            [ -z "$name" ] || echo "$suite+$name ${case%.sh}"
        done
    done
fi >"$work/machines"
total=$(wc -l <"$work/machines")

# A group of processes of its own, to be ended as a whole.
setsid sh "$here/lane.sh" "$work" "$build" "$version" >"$work/beside.log" 2>&1 &
beside=$!
sh "$here/lane.sh" "$work" "$build" "$version" 2>&1 | tee "$work/here.log"
wait "$beside"
beside=
cat "$work/beside.log"
awk -v machines="$total" '
    /^[a-z+]*: [0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$/ { last[$1] = $0 } # of two runs
    END {
        for (machine in last) {
            split(last[machine], total)
            n++; p += total[2]; f += total[4]; s += total[6]
        }
        f += machines - n # one that said no totals
        printf "%d passed, %d failed, %d skipped\n", p, f, s
        exit f || !(p + s)
    }' "$work"/*.log
