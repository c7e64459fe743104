#!/bin/sh
# run.sh BUILD SECONDS FUZZER... - runs each fuzzer for so long, from its corpus in tests/fuzz/corpus
# if there is one, as many at a time as there are processors; what it finds new stays in BUILD.
set -eu
build=$1 seconds=$2
shift 2
if [ $# -gt 1 ]; then
    printf '%s\n' "$@" | xargs -P "$(nproc)" -n 1 sh "$0" "$build" "$seconds"
    exit
fi

fuzzer=$1
name=${fuzzer##*/fuzz_}
found=$build/corpus/$name
mkdir -p "$found"
set -- "$found"
[ ! -d "tests/fuzz/corpus/$name" ] || set -- "$found" "tests/fuzz/corpus/$name"
if ! "$fuzzer" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -verbosity=0 \
    -print_final_stats=1 -artifact_prefix="$build/" "$@" >"$fuzzer.log" 2>&1; then
    cat "$fuzzer.log"
    echo "fuzz_$name failed; the input is in $build/"
    exit 1
fi
echo "fuzz_$name, $seconds s: $(sed -n 's/^stat::number_of_executed_units: *//p' "$fuzzer.log") inputs"
