#!/bin/sh
# for: bookworm
# The same program as an app of ours and as a service of systemd's, in one run: how long a start takes,
# how long it takes to put it to sleep and how long to bring it back. Ratios are printed; nothing fails
# for being slow.
. /vm/tests/vm/lib.sh
need_service
printf '[lifecycle]\nsuspend_after=1ms\nmax_warm=0\n' >/etc/miniprogd.conf
systemctl reload miniprogd.service
id=org.example.same
add_app $id '#!/bin/sh
exec sleep infinity'
printf '[Service]\nType=exec\nExecStart=/bin/sleep infinity\n' >/run/systemd/system/same.service
systemctl daemon-reload

cat >/tmp/beside.py <<'PYTHON'
import json, socket, subprocess, sys, time
sys.path.insert(0, "/vm/tests/vm")
from storm import CONTROL, call

ID, ROUNDS = "org.example.same", 20

def run(*words):
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)

def ctl(*words):
    run("miniprogctl", *words)

def median(before, measured, after):
    spans = []
    for _ in range(ROUNDS):
        before()
        start = time.monotonic()
        measured()
        spans.append(time.monotonic() - start)
        after()
    return sorted(spans)[ROUNDS // 2] * 1000

class Watch:
    """The supervisor's events as they come: what is waited for is not asked for over and over."""
    def __init__(self):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(120)
        self.s.connect(CONTROL)
        self.s.sendall(b'{"method":"org.miniprog.Supervisor.Watch","more":true}\0')
        self.left = b""
        self.next() # the snapshot

    def next(self):
        while b"\0" not in self.left:
            piece = self.s.recv(1 << 16)
            if not piece:
                sys.exit("the supervisor went away")
            self.left += piece
        text, _, self.left = self.left.partition(b"\0")
        return json.loads(text)["parameters"]["event"]

    def until(self, state):
        while True:
            event = self.next()
            if event.get("app_id") == ID and event["type"] == "state" and event["state"]["to"] == state:
                return

watch = Watch()

def suspend():
    ctl("hide", ID)
    watch.until("suspended")

def asleep():
    call("Hide", id=ID)
    watch.until("suspended")

nothing = lambda: None
rows = []
rows.append(("cold start", median(nothing, lambda: ctl("open", ID), lambda: ctl("kill", ID)),
             "systemctl start",
             median(nothing, lambda: run("systemctl", "start", "same"),
                    lambda: run("systemctl", "stop", "same"))))
ctl("open", ID)
run("systemctl", "start", "same")
rows.append(("suspend", median(nothing, suspend, lambda: ctl("open", ID)), "systemctl freeze",
             median(nothing, lambda: run("systemctl", "freeze", "same"),
                    lambda: run("systemctl", "thaw", "same"))))
rows.append(("hot start", median(asleep, lambda: ctl("open", ID), nothing), "systemctl thaw",
             median(lambda: run("systemctl", "freeze", "same"),
                    lambda: run("systemctl", "thaw", "same"), nothing)))
for ours, a, theirs, b in rows:
    print(f"{ours:10} {a:8.1f} ms   {theirs:16} {b:8.1f} ms   ratio {a / b:.2f}")
PYTHON
ok "the same program, ours and systemd's" python3 /tmp/beside.py
miniprogctl kill $id
systemctl stop same.service
rm -f /etc/miniprogd.conf
systemctl reload miniprogd.service
remove_apps
finish
