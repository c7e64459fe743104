#!/usr/bin/python3
"""storm.py install|restarts|kills|remove COUNT [APPS [SEED]] - the supervisor goes, and comes back.

install: COUNT apps, each of which says its starts in its data folder and waits for its end.
restarts: APPS apps in mixed states; after each `systemctl restart` all are as they were.
kills: kill -9 at random moments of opens, hides, closes, updates and kills; after each, the next
supervisor knows every app; at the end what it says of each is what the kernel shows, every one still
opens and closes, and nothing is left that no app explains.

All that is asked, is asked on the control socket, and all apps at once: a process for each question
takes an emulated processor longer than the restart.

Prints how long it took, and what is wrong."""
import itertools
import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

CONTROL = "/run/miniprogd/control"
SERVICE = "/sys/fs/cgroup/miniprog.slice/miniprogd.service"
APPS = "/sys/fs/cgroup/miniprog.slice/miniprog-apps.scope/apps"
PATIENCE = 120
LIVE = ("starting", "foreground", "background", "suspended", "stopping")
SCRIPT = """#!/bin/sh
echo started >>$MINIPROG_DATA/starts
exec sleep infinity
"""


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
    """The service's process that systemd started; 0 while there is none."""
    try:
        with open(f"{SERVICE}/cgroup.procs", encoding="ascii") as f:
            pids = [int(line) for line in f]
    except OSError:
        return 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
                head, _, tail = f.read().rpartition(")")
        except OSError:
            continue
        if head.endswith("(miniprogd") and tail.split()[1] == "1":
            return pid
    return 0


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


def put(app_id, code):
    """The reply to the installation of this version."""
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(f"{folder}/bin")
        with open(f"{folder}/bin/run", "w", encoding="ascii") as f:
            f.write(SCRIPT)
        os.chmod(f"{folder}/bin/run", 0o755)
        with open(f"{folder}/manifest.json", "w", encoding="ascii") as f:
            json.dump({"app_id": app_id, "name": app_id, "version": {"code": code},
                       "miniprog": {"exec": ["bin/run"]}}, f)
        return call("Install", source=folder, unsigned=True)


def install(ids):
    return [f"{i} is not installed: {r}" for i in ids for r in [put(i, 1)] if "error" in r]


def remove(ids):
    return [f"{i} is not removed: {r}" for i in ids for r in [call("Remove", id=i)] if "error" in r]


def restarts(count, ids):
    for i in ids:
        reply = call("Open", id=i)
        if "error" in reply:
            return [f"{i} does not open: {reply}"]
    await_states(ids, ("foreground", "suspended"))
    before = apps()
    keys = ("pid", "state", "cold_starts", "hot_starts", "since_usec", "version_code")
    for n in range(count):
        old = daemon_pid()
        subprocess.run(["systemctl", "restart", "miniprogd.service"], check=True)
        now = apps()
        if daemon_pid() in (0, old):
            return [f"restart {n + 1} was none: {old} and then {daemon_pid()}"]
        for i in ids:
            was = {k: before[i].get(k) for k in keys}
            is_now = {k: now.get(i, {}).get(k) for k in keys}
            if was != is_now:
                return [f"after restart {n + 1}: {i} was {was}, is {is_now}"]
    return settled()


def torment(ids, dice, end, codes):
    """Random calls until told to end; that some fail is as it should be."""
    while not end.is_set():
        i = dice.choice(ids)
        method = dice.choice(("Open", "Open", "Open", "Open", "Hide", "Close", "Kill", "Install"))
        try:
            if method == "Install":
                put(i, next(codes))
            else:
                call(method, id=i)
        except (Gone, socket.timeout):
            end.wait(0.02)


def kill_daemon():
    """Ends it and waits until it is gone: what answers then is the next."""
    pid = daemon_pid()
    if not pid:
        return False
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        signal.pidfd_send_signal(fd, signal.SIGKILL)
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        return bool(poll.poll(PATIENCE * 1000))
    except ProcessLookupError:
        return False
    finally:
        os.close(fd)


def kills(count, ids, seed):
    dice, end = random.Random(seed), threading.Event()
    codes = itertools.count(2)
    threads = [threading.Thread(target=torment, args=(ids, random.Random(seed + t), end, codes))
               for t in range(1, 5)]
    for t in threads:
        t.start()
    bad, killed = [], 0
    for n in range(count):
        time.sleep(dice.uniform(0, 0.4))  # some calls, where a processor is emulated
        killed += kill_daemon()
        lost = set(ids) - set(apps())
        if lost:
            bad.append(f"after kill {n + 1} these are lost: {lost}")
    end.set()
    for t in threads:
        t.join()
    if killed != count:
        bad.append(f"{killed} of {count} kills hit a supervisor")
    bad += settled()
    for i in ids:  # and every one of them can still do everything
        reply = call("Open", id=i)
        if "error" in reply:
            bad.append(f"{i} does not open any more: {reply}")
        reply = call("Close", id=i)
        if "error" in reply:
            bad.append(f"{i} does not close any more: {reply}")
    return bad + settled()


def main():
    what, count = sys.argv[1], int(sys.argv[2])
    n = int(sys.argv[3]) if len(sys.argv) > 3 else count
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    ids = [f"org.example.storm{i}" for i in range(n)]
    began = time.monotonic()
    bad = {
        "install": lambda: install(ids),
        "restarts": lambda: restarts(count, ids),
        "kills": lambda: kills(count, ids, seed),
        "remove": lambda: remove(ids),
    }[what]()
    print(f"-- {what}, {count}: {time.monotonic() - began:.0f} s")
    for line in bad[:20]:
        print(line)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
