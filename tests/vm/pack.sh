#!/bin/sh
# pack.sh SUITE BUILD FILE [CASE...] - a tar of all that the machine's tests need: our programs,
# tests and packages as built for SUITE, the cases, and their order in "list".
#
# A case says for which machine it is in its first lines: "# for: bookworm trixie".
set -eu
suite=$1 build=$2 file=$3
shift 3
here=$(dirname "$0")

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work" # workers with an identity of their own look into it
if [ $# = 0 ]; then
    set -- $(grep -l "^# for:.*\<$suite\>" "$here"/cases/*.sh)
    for case; do echo "${case##*/}"; done >"$work/list"
else
    for case; do echo "$case.sh"; done >"$work/list"
fi
# The tests' programs are for the case that runs them, and take most of the room.
names='app_*'
! (cd "$here/cases" && grep -q '^# programs' $(cat "$work/list")) || names='app_* it_*'
mkdir -p "$work/tests/integration" "$work/build/tests/integration"
cp tests/run.sh "$work/tests/"
cp -R "$here" "$work/tests/vm"
for it in tests/integration/*; do # what tests read beside themselves
    case $it in
    */stranger.c) cp "$it" "$work/tests/integration/" ;; # built there
    *.c | *.h) ;;
    *) cp -R "$it" "$work/tests/integration/" ;;
    esac
done
mkdir -p "$work/supervisor/wire" "$work/units"
cp supervisor/wire/*.varlink "$work/supervisor/wire/"
cp -R units/examples "$work/units/"
for program in "$build"/miniprogd "$build"/miniprogctl "$build"/miniprog-* "$build"/libminiprog.so.0; do
    [ ! -f "$program" ] || [ "${program%.o}" != "$program" ] || cp "$program" "$work/build/"
done
[ ! -d "$build/examples" ] || cp -R "$build/examples" "$work/build/"
for program in $(cd "$build/tests/integration" && ls -d $names); do
    program=$build/tests/integration/$program
    [ ! -x "$program" ] || [ -d "$program" ] || cp "$program" "$work/build/tests/integration/"
done
find "$work/build" -type f -perm -100 -exec strip --strip-debug {} + 2>/dev/null || true
for package in "build/vm/$suite"/deb/*.deb; do
    [ ! -e "$package" ] || cp "$package" "$work/"
done

printf %s "${TESTS:-}" >"$work/only"
printf %s "${TEST_AGAIN:-}" >"$work/again"
[ -z "${VM_EMULATED:-}" ] || : >"$work/emulated"
echo "${VM_CUTS:-20}" >"$work/cuts"
echo "${VM_STORM:-100}" >"$work/storm"
echo "${VM_SEED:-7}" >"$work/seed"
tar -cf "$file" -C "$work" .
