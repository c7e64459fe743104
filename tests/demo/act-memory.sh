# act-memory.sh - a budget runs short: who sleeps goes for the one in front. Sourced by demo.sh.

act "A budget runs short: the app in front is warned, one that sleeps is killed for it, and why"
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
held, warnings = [], 0
while warnings < 2: # of the second one, which comes at level 10, it takes notice
    held.append(bytearray(b"x") * (2 << 20))
    while select.select([fifo], [], [], 0.1)[0]:
        if os.read(fifo, 1) != own:
            warnings += 1
            print("warned at", 2 * len(held), "MB")
del held[len(held) // 2:]
print("keeps", 2 * len(held), "MB")
signal.pause()'
sleeper=org.example.sleeper grower=org.example.grower

cp "$base/miniprogd.conf" "$base/miniprogd.conf.before"
sed 's/^destroy_after=.*/destroy_after=1min/' "$base/miniprogd.conf.before" >"$base/miniprogd.conf"
printf '[memory]\nbudget=128M\n' >>"$base/miniprogd.conf"
kill -HUP "$daemon"
has_budget() { "$miniprogctl" --json memory | grep -q '"name":"budget","works":true'; }
if until_true 5 has_budget; then
    ctl open $sleeper >/dev/null
    hears $sleeper 'holds 40 MB'
    ctl open $grower >/dev/null
    becomes $sleeper stopped 30
    hears $grower keeps
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
mv "$base/miniprogd.conf.before" "$base/miniprogd.conf"
kill -HUP "$daemon"
ctl remove $grower >/dev/null
ctl remove $sleeper >/dev/null
