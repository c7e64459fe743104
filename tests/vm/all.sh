#!/bin/sh
# all.sh BUILD VERSION [CASE...] - the machines of $SUITES, and the totals of all.
#
# With no CASE named the power cuts, which are boots and little else, have a machine of their own.
# The first machine runs here; the others one after the other beside it, since each waits for much
# that takes no processor. What they say is shown after it. VM_DENSITY=1 is a small machine alone.
set -u
build=$1 version=$2
shift 2
here=$(dirname "$0")
apart=85-power
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

cases_for() { grep -l "^# for:.*\<$1\>" "$here"/cases/*.sh | sed 's,.*/\(.*\)\.sh$,\1,'; }

# One line a machine: its name, then its cases.
if [ $# != 0 ]; then
    for suite in $suites; do echo "$suite $*"; done
else
    for suite in $suites; do echo "$suite $(cases_for "$suite" | grep -vx $apart | xargs)"; done
    for suite in $suites; do
        ! cases_for "$suite" | grep -qx $apart || echo "$suite+${apart#*-} $apart"
    done
fi >"$work/machines"
head -n 1 "$work/machines" >"$work/first"
tail -n +2 "$work/machines" >"$work/others"

# A group of processes of its own, to be ended as a whole; a lane without machines ends at once.
setsid sh "$here/lane.sh" "$work" "$build" "$version" "$work/others" >"$work/beside.log" 2>&1 &
beside=$!
sh "$here/lane.sh" "$work" "$build" "$version" "$work/first" 2>&1 | tee "$work/here.log"
wait "$beside"
beside=
cat "$work/beside.log"
awk -v machines="$(grep -c . "$work/machines")" '
    /^[a-z+]*: [0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$/ { n++; p += $2; f += $4; s += $6 }
    END {
        f += machines - n # one that said no totals
        printf "%d passed, %d failed, %d skipped\n", p, f, s
        exit f || !(p + s)
    }' "$work"/*.log
