# lib.sh - for the cases: each `ok SENTENCE COMMAND...` is one test, said and counted as cmocka does.
# A case sources it, makes its checks and calls `finish`.
passed=0 failed=0
echo "[==========] Running $VM_CASE, phase $VM_PHASE"

ok() {
    sentence=$1
    shift
    if "$@"; then
        echo "[       OK ] $sentence"
        passed=$((passed + 1))
    else
        echo "[  FAILED  ] $sentence: $*"
        failed=$((failed + 1))
    fi
}

# await SECONDS COMMAND... - until it succeeds. The shell has no event to wait for.
await() {
    tries=$(($1 * 5))
    shift
    while ! "$@"; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || return 1
        sleep 0.2
    done
}

not() { ! "$@"; }

finish() {
    echo "[  PASSED  ] $passed test(s)."
    [ $failed = 0 ] || echo "[  FAILED  ] $failed test(s)."
    exit $((failed != 0))
}

# After the case's end the machine is booted anew and the case is run again with VM_PHASE + 1.
reboot_then_go_on() { touch "$VM_STATE/reboot"; }
