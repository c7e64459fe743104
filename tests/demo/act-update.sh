# act-update.sh - a shop: a web server with signed packages and indexes; and the act in which a
# native app lives through its updates. Sourced by demo.sh, whose words it uses.

web=
end_web() { [ -z "$web" ] || kill "$web" 2>/dev/null || true; }

# A key that this supervisor trusts, and a web server on a port that is free, which it writes down.
open_shop() {
    [ -z "$web" ] || return 0
    shop=$base/shop
    mkdir -p "$shop/www" "$base/state/trust"
    (cd "$shop" && minisign -G -W -p key.pub -s key.sec >/dev/null)
    cp "$shop/key.pub" "$base/state/trust/"
    (cd "$shop/www" && exec python3 -c 'import http.server as h, sys
s = h.ThreadingHTTPServer(("127.0.0.1", 0), h.SimpleHTTPRequestHandler)
print(s.server_address[1], file=open(sys.argv[1], "w"), flush=True)
s.serve_forever()' "$shop/port") >/dev/null 2>&1 &
    web=$!
    has_port() { [ -s "$shop/port" ]; }
    until_true 10 has_port || wrong "the shop does not open"
    url=http://127.0.0.1:$(cat "$shop/port")
}

# publish NAME VERSION: the folder $shop/NAME as that version, by the index NAME.index
publish() {
    sed -i "s/\"code\": [0-9]*/\"code\": $2/; s,\"miniprog\": {\$,& \"update_url\": \"$url/$1.index\"\,," \
        "$shop/$1/manifest.json"
    ctl pack "$shop/$1" --output="$shop/www/$1-$2.ma" >/dev/null
    ctl index "$shop/www/$1-$2.ma" --output="$shop/index.json" --sequence="$2" --expires=30d \
        --base-url="$url/" >/dev/null
    minisign -S -s "$shop/key.sec" -m "$shop/index.json" >/dev/null
    cat "$shop/index.json.minisig" "$shop/index.json" >"$shop/www/index.new"
    mv "$shop/www/index.new" "$shop/www/$1.index"
    rm -rf "$shop/$1"
}

dial=org.example.dial
is_version() { is_state $dial foreground && [ "$(field $dial version_code)" = "$1" ]; }
runs_as() { until_true 15 is_version "$1" || wrong "version $1 of $dial does not run"; }
has_pending() { [ "$(field $dial pending_version)" = "$1" ]; }
clock_folder() { # the clock under another name; with "broken": it ends at once, by a crash
    cp -R "$build/examples/clock" "$shop/dial"
    sed -i "s/org.example.clock/$dial/; s/\"Clock\"/\"Dial\"/" "$shop/dial/manifest.json"
    if [ "${1:-}" = broken ]; then
        printf '#!/bin/sh\nkill -SEGV $$\n' >"$shop/dial/bin/clock"
    fi
}
# new_version CODE [broken]: published, and found while the present one runs
new_version() {
    clock_folder "${2:-}"
    publish dial "$1"
    ctl check $dial >/dev/null
    until_true 15 has_pending "$1" || wrong "version $1 of $dial does not come"
}

act_update() {
    act "Updates of a native app: staged beside it, swapped when it starts cold, taken back when it fails"
    open_shop
    clock_folder
    publish dial 1
    ctl install "$url/dial.index" | sed 's/^/  /'
    ctl open $dial >/dev/null
    runs_as 1
    first=$(pid_of $dial)
    new_version 2
    hears $dial 'version 2 is ready'
    [ "$(pid_of $dial)" = "$first" ] || wrong "version 1 was disturbed"
    tell "version 1 goes on, and hears: $("$miniprogctl" logs $dial | grep 'is ready' | tail -n1)"
    evidence "$dial: $(processes "$first"), $(readlink "/proc/$first/cwd" | sed "s,$base/,,")"
    ctl close $dial
    tell "the next start: $(ctl open $dial)"
    runs_as 2
    pid2=$(pid_of $dial)
    evidence "$dial: $(processes "$pid2"), $(readlink "/proc/$pid2/cwd" | sed "s,$base/,,")"

    new_version 3 broken
    ctl close $dial
    tell "version 3 crashes, three times; the same open is answered by: $(ctl open $dial)"
    runs_as 2
    hears $dial 'the update failed'
    tell "why: $("$miniprogctl" --json why $dial | sed -n 's/.*"text":"\([^"]*tries[^"]*\)".*/\1/p' | tail -n1)"

    new_version 4
    pid2=$(pid_of $dial)
    tell "and version 4 at once: $(ctl apply $dial)"
    runs_as 4
    [ "$(field $dial reason)" = update ] || wrong "the reason is $(field $dial reason)"
    evidence "process $pid2: $(kernel_state "$pid2"), ended for: update; now $(pid_of $dial)"
    ctl remove $dial >/dev/null
}
