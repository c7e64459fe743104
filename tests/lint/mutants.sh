#!/bin/sh
# mutants.sh WORK - plants the slips of tests/lint/mutants/*.sed one at a time in a copy of the
# tree. Each must still compile and turn a unit test red: a test that cannot fail proves nothing.
#
# The first line of each says where: "# file: supervisor/base/parse.c test: base/test_parse",
# or "test: base" for all tests of that layer.
set -eu
[ -d tests/lint/mutants ] || exit 2
mkdir -p "$1"
work=$(cd "$1" && pwd)
rm -rf "$work/tree"
mkdir "$work/tree"
cp -R Makefile supervisor units cgroups tests "$work/tree/"

build() { make -C "$work/tree" -s -j"$(nproc)" BUILD="$work/out" "$@" >"$work/log" 2>&1; }

# The programs of "base" or "base/test_parse".
programs() {
    case $1 in
    */*) echo "$work/out/tests/unit/$1" ;;
    *) for source in tests/unit/"$1"/test_*.c; do echo "$work/out/${source%.c}"; done ;;
    esac
}

# A test that hangs has noticed, too.
all_pass() { for program; do timeout 60 "$program" >/dev/null 2>&1 || return 1; done; }

count=0 bad=0
complain() {
    echo "$1: $2"
    bad=$((bad + 1))
}
for mutant in tests/lint/mutants/*.sed; do
    file=$(sed -n '1s/^# file: \([^ ]*\) test: .*/\1/p' "$mutant")
    tests=$(programs "$(sed -n '1s/.* test: \([^ ]*\)$/\1/p' "$mutant")")
    count=$((count + 1))
    sed -f "$mutant" "$file" >"$work/tree/$file"
    if cmp -s "$file" "$work/tree/$file"; then
        complain "$mutant" "changes nothing in $file"
    elif ! build $tests; then
        complain "$mutant" "does not compile"
        tail -5 "$work/log"
    elif all_pass $tests; then
        complain "$mutant" "no test noticed"
    fi
    cp "$file" "$work/tree/$file"
done
echo "$count slips planted, $((count - bad)) noticed, $bad not"
[ "$bad" = 0 ]
