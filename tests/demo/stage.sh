# stage.sh - what demo.sh and run.sh share: a supervisor in folders of its own. Sourced; needs $build.
# The folders must be enterable by the apps' uids: 0711.

miniprogd=$build/miniprogd
miniprogctl=$build/miniprogctl
export MINIPROG_LIBEXEC=$build
daemon=

make_stage() { # the configuration's text
    base=$(mktemp -d /tmp/mp-XXXXXX)
    chmod 711 "$base"
    export MINIPROG_CONTROL=$base/run/control
    printf '%s\n' "$1" >"$base/miniprogd.conf"
}

start_daemon() {
    "$miniprogd" --config "$base/miniprogd.conf" --runtime-dir "$base/run" --state-dir "$base/state" \
        --backend "${MINIPROG_BACKEND:-auto}" "$@" >>"$base/miniprogd.log" 2>&1 &
    daemon=$!
    tries=200
    until "$miniprogctl" --json list >/dev/null 2>&1; do
        tries=$((tries - 1))
        if [ $tries = 0 ] || ! kill -0 $daemon 2>/dev/null; then
            cat "$base/miniprogd.log" >&2
            echo "the supervisor does not start" >&2
            exit 1
        fi
        sleep 0.05
    done
}

install_examples() {
    for made in "$build"/examples/*.made; do
        "$miniprogctl" install "${made%.made}" --unsigned || exit 1
    done
}

end_stage() {
    [ -z "$daemon" ] || kill "$daemon" 2>/dev/null || true
    [ -z "$daemon" ] || wait "$daemon" 2>/dev/null || true
    daemon=
    [ -z "${base:-}" ] || rm -rf "$base"
}
