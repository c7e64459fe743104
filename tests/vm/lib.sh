# lib.sh - for the cases: each `ok SENTENCE COMMAND...` is one test, said and counted as cmocka does.
# A case sources it, makes its checks and calls `finish`.
passed=0 failed=0
unset MINIPROG_BUILD MINIPROG_LIBEXEC MINIPROG_SOURCE # what is installed is what is tested
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
    while ! "$@" >/dev/null 2>&1; do
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

# --- the service and its apps ------------------------------------------------------------------

first=$(ls /vm/miniprog_*.deb 2>/dev/null | grep -v later)
[ -n "$first" ] || { ok "a package was brought along" false && finish; }
later=$(ls /vm/miniprog_*.deb 2>/dev/null | grep later)

# The package is installed and the service runs, whatever the case before left.
need_service() {
    dpkg -s miniprog 2>/dev/null | grep -q '^Status: install ok installed' || dpkg -i "$first"
    rm -rf /etc/miniprogd.conf /etc/systemd/system/miniprogd.service.d
    systemctl daemon-reload
    systemctl start miniprogd.service
    await 30 miniprogctl list >/dev/null
}

daemon_pid() { systemctl show -P MainPID miniprogd.service; }
scope_pids() { cat /sys/fs/cgroup/miniprog.slice/miniprog-apps.scope/apps/*/cgroup.procs 2>/dev/null; }

anything_runs() { pgrep -x miniprogd || pgrep -x miniprog-anchor; }

# add_app ID PROGRAM [MANNERS [MORE]] - installs an app that runs PROGRAM of the tests ("app_probe")
# or, if that begins with "#!", this script. MORE: members of "miniprog".
add_app() {
    folder=/var/tmp/apps/$1
    rm -rf "$folder"
    mkdir -p "$folder/bin"
    case $2 in
    '#!'*) printf '%s\n' "$2" >"$folder/bin/run" ;;
    *) cp "/vm/build/tests/integration/$2" "$folder/bin/run" ;;
    esac
    chmod 755 "$folder/bin/run"
    words='"bin/run"'
    [ -z "${3:-}" ] || words="$words, \"$3\""
    cat >"$folder/manifest.json" <<MANIFEST
{ "app_id": "$1", "name": "$1", "version": { "code": 1 },
  "miniprog": { "exec": [$words]${4:+, $4} } }
MANIFEST
    miniprogctl install "$folder" --unsigned >/dev/null
}

# A member of an app's status, "" where there is none.
of() { miniprogctl status "$1" --json | sed -n "s/.*\"$2\":\"\{0,1\}\([^\",}]*\).*/\1/p"; }
is_in() { [ "$(of "$1" state)" = "$2" ]; }
lives() { [ -d "/proc/$1" ] && ! grep -q '^State:.Z' "/proc/$1/status"; }
proc_state() { sed -n 's/^State:\t\(.\).*/\1/p' "/proc/$1/status"; }
remove_apps() { for id in $(miniprogctl list | cut -f1 | grep '\.'); do miniprogctl remove "$id"; done; }

# The power is to go: what runs after it is this case's next phase. cut_power_after MS makes it go when
# so many milliseconds have passed, by the clock of the machine that this one runs on.
next_phase_is_due() {
    echo $((VM_PHASE + 1)) >"$VM_STATE/$VM_CASE"
    sync
}
cut_power_after() { echo "vm: cut $1" >/dev/ttyS0; }
