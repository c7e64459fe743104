#!/bin/sh
# symbols.sh BUILD - what the library shows to those who link it: libminiprog.so exactly the names
# of libminiprog.sym, which are exactly the functions of miniprog.h; libminiprog.a no others.
set -eu
build=$1 sdk=supervisor/sdk
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

grep -o '^ *miniprog_[a-z0-9_]*;' $sdk/libminiprog.sym | tr -d ' ;' | sort >"$work/listed"
sed -n 's/^[a-z].*[ *]\(miniprog_[a-z0-9_]*\)(.*/\1/p' $sdk/miniprog.h | sort -u >"$work/declared"
nm -D --defined-only "$build/libminiprog.so" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' |
    sort >"$work/exported"
nm -g --defined-only "$build/libminiprog.a" | awk 'NF == 3 { print $3 }' | sort >"$work/archived"

bad=0
for seen in declared exported archived; do
    if ! diff -u --label libminiprog.sym --label "$seen" "$work/listed" "$work/$seen"; then
        bad=1
    fi
done
exit $bad
