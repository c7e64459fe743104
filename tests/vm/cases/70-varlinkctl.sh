#!/bin/sh
# for: trixie
# systemd's own Varlink client against the control socket.
. /vm/tests/vm/lib.sh
need_service
socket=/run/miniprogd/control supervisor=org.miniprog.Supervisor
add_app org.example.one app_probe
says() { # WORDS COMMAND...
    words=$1
    shift
    "$@" >/tmp/varlinkctl.out 2>&1
    grep -q -- "$words" /tmp/varlinkctl.out || { cat /tmp/varlinkctl.out && return 1; }
}

ok "info" says "$supervisor" varlinkctl info $socket
ok "list-interfaces" says "$supervisor" varlinkctl list-interfaces $socket
ok "introspect" says 'method Open' varlinkctl introspect $socket $supervisor
ok "what it prints is a sound interface" sh -c \
    "varlinkctl introspect $socket $supervisor >/tmp/idl && varlinkctl validate-idl /tmp/idl >/dev/null"
ok "call" says '"id"[ :]*"org.example.one"' varlinkctl call -j $socket $supervisor.List '{}'
ok "call that changes something" says '"start"[ :]*"cold"' \
    varlinkctl call -j $socket $supervisor.Open '{"id":"org.example.one"}'
ok "it is open" is_in org.example.one foreground
ok "an error by its name" says "$supervisor.NoSuchApp" \
    varlinkctl call -j $socket $supervisor.Open '{"id":"org.example.none"}'
ok "a wrong parameter by its name" says 'InvalidParameter' \
    varlinkctl call -j $socket $supervisor.Open '{"id":7}'
timeout 10 varlinkctl call -j --more $socket $supervisor.Watch '{}' >/tmp/watched 2>&1 &
watching=$!
await 10 grep -q snapshot /tmp/watched
miniprogctl close org.example.one
ok "call --more: a snapshot first" sh -c 'head -n 1 /tmp/watched | grep -q snapshot'
ok "then what happens" await 10 grep -q '"closed"' /tmp/watched
kill $watching
remove_apps
finish
