# act-memory.sh - a budget runs short: who sleeps goes for the one in front. Sourced by demo.sh.
# It has a supervisor of its own, so that no other app of the story is there to be taken.

act "A budget runs short: the app in front is warned, one that sleeps is killed for it, and why"
(
trap 'end_stage' EXIT
trap 'exit 130' INT TERM
daemon=
make_stage "[lifecycle]
suspend_after=1s
stop_timeout=2s
[memory]
budget=128M"
start_daemon
# Both are Python programs; the one that grows knows systemd's memory pressure protocol, not us.
make_hungry() { # NAME PROGRAM
    mkdir -p "$base/hungry/$1/bin"
    printf '#!/usr/bin/python3 -u\n%s\n' "$2" >"$base/hungry/$1/bin/run"
    chmod 755 "$base/hungry/$1/bin/run"
    printf '{ "app_id": "org.example.%s", "name": "%s", "version": { "code": 1, "name": "1" },
  "platform_version": { "min_code": 1 }, "miniprog": { "exec": ["bin/run"] } }\n' "$1" "$1" \
        >"$base/hungry/$1/manifest.json"
    ctl install "$base/hungry/$1" --unsigned >/dev/null
}
make_hungry sleeper 'import signal
held = bytearray(b"x") * (40 << 20)
print("holds 40 MB")
signal.pause()'
make_hungry grower 'import base64, os, select, signal
fifo = os.open(os.environ["MEMORY_PRESSURE_WATCH"], os.O_RDWR | os.O_NONBLOCK)
own = base64.b64decode(os.environ["MEMORY_PRESSURE_WRITE"])
os.write(fifo, own)
held = []
while len(held) < 40: # for all of it there is room once the sleeper is gone
    held.append(bytearray(b"x") * (2 << 20))
    while select.select([fifo], [], [], 0.1)[0]:
        if os.read(fifo, 1) != own:
            print("warned at", 2 * len(held), "MB")
print("holds", 2 * len(held), "MB")
signal.pause()'
sleeper=org.example.sleeper grower=org.example.grower

if "$miniprogctl" --json memory | grep -q '"name":"budget","works":true'; then
    ctl open $sleeper >/dev/null
    hears $sleeper 'holds 40 MB'
    ctl open $grower >/dev/null
    becomes $sleeper stopped 60
    hears $grower "holds 80 MB"
    tell "$grower: $("$miniprogctl" logs $grower | paste -sd, | sed 's/,/, /g')"
    case $(field $sleeper reason) in
    memory_pressure | memory_limit) ;; # the kernel's OOM killer may be the first on a busy machine
    *) wrong "the reason is $(field $sleeper reason)" ;;
    esac
    is_state $grower foreground || wrong "$grower is $(state_of $grower)"
    "$miniprogctl" why $sleeper | grep -A2 'kill' | sed 's/^/  /'
    tell "its user reads: $("$miniprogctl" --json status $sleeper | sed -n 's/.*"message":"\([^"]*\)".*/\1/p')"
else
    tell "no memory controller here, so there is no budget"
fi
)
