#!/usr/bin/python3
"""storm.py restarts|kills COUNT APPS [SEED] - the supervisor goes and comes, many times over.

restarts: APPS apps in mixed states; after each `systemctl restart` all are as they were.
kills: kill -9 at random moments of opens, hides, closes and kills; after each, what the supervisor
says of every app is what the kernel shows, and nothing is left that no app explains.

Prints one line a test, as cmocka does (see lib.sh)."""
import json
import os
import random
import socket
import subprocess
import sys
import threading
import time

CONTROL = "/run/miniprogd/control"
APPS = "/sys/fs/cgroup/miniprog.slice/miniprog-apps.scope/apps"
PATIENCE = 120
LIVE = ("starting", "foreground", "background", "suspended", "stopping")


class Gone(Exception):
    """The supervisor went away in the middle of a call."""


def call(method, **parameters):
    """One call on a connection of its own. Returns the reply, error included."""
    text = json.dumps({"method": "org.miniprog.Supervisor." + method, "parameters": parameters})
    try:
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(PATIENCE)
            s.connect(CONTROL)
            s.sendall(text.encode() + b"\0")
            got = b""
            while not got.endswith(b"\0"):
                piece = s.recv(1 << 16)
                if not piece:
                    raise Gone
                got += piece
    except (ConnectionError, FileNotFoundError) as e:
        raise Gone from e
    return json.loads(got[:-1])


def apps():
    """Every app's status by id, as soon as a supervisor answers."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return {a["id"]: a for a in call("List")["parameters"]["apps"]}
        except Gone:
            if time.monotonic() > end:
                sys.exit("the supervisor does not come back")
            time.sleep(0.05)


def daemon_pid():
    out = subprocess.run(["systemctl", "show", "-P", "MainPID", "miniprogd.service"],
                         stdout=subprocess.PIPE, check=True).stdout
    return int(out)


def members(app_id):
    try:
        with open(f"{APPS}/app-{app_id}/cgroup.procs", encoding="ascii") as f:
            return [int(line) for line in f]
    except (FileNotFoundError, OSError):
        return []


def proc_state(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            return f.read().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def starts_of(app_id):
    """How often the app itself says that it was started."""
    try:
        with open(f"/var/lib/miniprogd/apps/{app_id}/data/starts", encoding="ascii") as f:
            return len(f.readlines())
    except FileNotFoundError:
        return 0


def contradictions():
    """What the supervisor says against what the kernel shows, now."""
    said, bad = apps(), []
    for app_id, a in said.items():
        pids = members(app_id)
        states = {p: proc_state(p) for p in pids}
        if a["state"] == "stopped" and pids:
            bad.append(f"{app_id} is stopped but has {states}")
        if a["state"] in LIVE and not pids and a["state"] not in ("starting", "stopping"):
            bad.append(f"{app_id} is {a['state']} but has no process")
        if a["state"] == "suspended" and any(s not in "TZ" for s in states.values()):
            bad.append(f"{app_id} is suspended but has {states}")
        if a["state"] in ("foreground", "background") and "T" in states.values():
            bad.append(f"{app_id} is {a['state']} but is stopped: {states}")
        if starts_of(app_id) > a["cold_starts"]:
            bad.append(f"{app_id} was started {starts_of(app_id)} times, counted {a['cold_starts']}")
    for folder in os.listdir(APPS):
        if folder.startswith("app-") and folder[4:] not in said:
            bad.append(f"group {folder} is of no app")
        elif folder.startswith("app-") and said[folder[4:]]["state"] == "stopped":
            bad.append(f"group {folder} is left of a stopped app")
    return bad


def settled():
    """The same, given time: between the question and the look a state may change."""
    end = time.monotonic() + PATIENCE
    while True:
        bad = contradictions()
        if not bad or time.monotonic() > end:
            return bad
        time.sleep(0.2)


def await_states(ids, wanted):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        now = apps()
        others = [i for i in ids if now[i]["state"] not in wanted]
        if not others:
            return
        time.sleep(0.2)
    told = [f"{i} is {now[i]['state']}, {now[i].get('last_exit')}" for i in others]
    sys.exit(f"not all became {wanted}: {told}")


def restarts(count, ids):
    for i in ids:
        reply = call("Open", id=i)
        if "error" in reply:
            return [f"{i} does not open: {reply}"]
    await_states(ids, ("foreground", "suspended"))
    before = apps()
    keys = ("pid", "state", "cold_starts", "hot_starts", "since_usec", "version_code")
    for n in range(count):
        subprocess.run(["systemctl", "restart", "miniprogd.service"], check=True)
        now = apps()
        for i in ids:
            was = {k: before[i].get(k) for k in keys}
            is_now = {k: now[i].get(k) for k in keys}
            if was != is_now:
                return [f"after restart {n + 1}: {i} was {was}, is {is_now}"]
    return settled()


def torment(ids, dice, end):
    """Random calls until told to end; that some fail is as it should be."""
    while not end.is_set():
        i = dice.choice(ids)
        method = dice.choice(("Open", "Open", "Open", "Hide", "Close", "Kill"))
        try:
            call(method, id=i)
        except (Gone, socket.timeout):
            end.wait(0.02)


def kills(count, ids, seed):
    dice, end = random.Random(seed), threading.Event()
    threads = [threading.Thread(target=torment, args=(ids, random.Random(seed + t), end))
               for t in range(1, 5)]
    for t in threads:
        t.start()
    bad = []
    for _ in range(count):
        old = daemon_pid()
        time.sleep(dice.uniform(0, 1.0))
        if old > 0:
            try:
                os.kill(old, 9)
            except ProcessLookupError:
                pass
        limit = time.monotonic() + PATIENCE
        while daemon_pid() in (0, old) and time.monotonic() < limit:
            time.sleep(0.05)
        apps()
    end.set()
    for t in threads:
        t.join()
    bad = settled()
    for i in ids:  # and every one of them can still do everything
        reply = call("Open", id=i)
        if "error" in reply:
            bad.append(f"{i} does not open any more: {reply}")
        reply = call("Close", id=i)
        if "error" in reply:
            bad.append(f"{i} does not close any more: {reply}")
    return bad + settled()


def main():
    what, count, n = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    ids = [f"org.example.storm{i}" for i in range(n)]
    bad = restarts(count, ids) if what == "restarts" else kills(count, ids, seed)
    for line in bad[:20]:
        print(line)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
