#!/usr/bin/python3
"""power.py prepare|check|torment DIR [SEED BEGAN] | point N SEED | stopped - a store over power cuts.

torment installs, opens, closes, rolls back and removes apps for ever, and makes the file BEGAN when
it is about to; the power goes in the middle of it. What the supervisor answered for is noted in DIR,
on the disk for good, before the next step. check, after the boot, finds each app whole, in a version
that may be there, and able to start.

point: what MINIPROG_KILLPOINT of a supervisor built with such points is to be for the N-th, from 0.
stopped: returns as soon as that supervisor has come to its point and stands still."""
import json
import os
import random
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from storm import Gone, apps, call, daemon_pid  # noqa: E402

IDS = ("org.example.power.a", "org.example.power.b")
COMES_AND_GOES = "org.example.power.c"
PATIENCE = 120
FILES = 12
# Those of supervisor/base/killpoint.h that the torment comes to, which goes to no server, and how many
# passes of each there are to choose from.
POINTS = (
    ("STATE_SAVED", 6), ("TAKE_OVER", 1), ("REPLACE_RENAMED", 6), ("VERSION_MOVED", 2), ("TRASHED", 2),
    ("UNPACK_FILE", 9), ("TRY_COUNTED", 1), ("REMOVE_UNCOPIED", 1), ("TRIAL_SETTLED", 1),
    ("ROLL_BACK", 1), ("REPLACE_WRITTEN", 6), ("REPLACE_SYNCED", 6), ("REPLACE_DURABLE", 6),
    ("COPY_SAVED", 6), ("TREE_ENTRY_REMOVED", 9), ("OPEN_LOCKED", 1), ("OPEN_CLEARED", 1),
    ("DOWNLOAD_BEGUN", 2), ("STAGE_MADE", 2), ("UNPACK_LISTED", 1), ("DELIVERED", 2),
    ("TREE_ADOPTED", 2), ("TREE_SYNCED", 2), ("APP_MADE", 1), ("VERSION_DURABLE", 2),
    ("DATA_MADE", 1), ("TRY_SPAWNED", 1), ("GC_BEGUN", 2), ("GC_LOCKED", 1), ("DISCARDED", 2),
    ("REMOVE_DURABLE", 1))
# The worker's: the supervisor notices that it is gone, and stops there.
IN_WORKER = ("UNPACK_FILE", "UNPACK_LISTED")
# Looks at each of its own files before it says what ran.
SCRIPT = """#!/bin/sh
for f in files/*; do
    read -r v <"$f"
    [ "$v" = "$MINIPROG_VERSION" ] || exit 9
done
[ "$(ls files | wc -l)" = %d ] || exit 8
echo "$MINIPROG_VERSION" >"$MINIPROG_DATA/ran"
exec sleep infinity
""" % FILES


def note(folder, facts):
    """Durable before it returns."""
    path = os.path.join(folder, "facts")
    with open(path + ".new", "w", encoding="ascii") as f:
        json.dump(facts, f)
        f.flush()
        os.fsync(f.fileno())
    os.rename(path + ".new", path)
    fd = os.open(folder, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)


def facts_of(folder):
    with open(os.path.join(folder, "facts"), encoding="ascii") as f:
        return json.load(f)


def make(folder, app_id, code):
    at = os.path.join(folder, "package")
    os.makedirs(os.path.join(at, "bin"), exist_ok=True)
    os.makedirs(os.path.join(at, "files"), exist_ok=True)
    with open(os.path.join(at, "bin/run"), "w", encoding="ascii") as f:
        f.write(SCRIPT)
    os.chmod(os.path.join(at, "bin/run"), 0o755)
    for n in range(FILES):
        with open(os.path.join(at, f"files/{n}"), "w", encoding="ascii") as f:
            f.write(f"{code}\n" + "x" * 5000)
    with open(os.path.join(at, "manifest.json"), "w", encoding="ascii") as f:
        json.dump({"app_id": app_id, "name": app_id, "version": {"code": code},
                   "miniprog": {"exec": ["bin/run"]}}, f)
    return at


def install(folder, facts, app_id):
    """The next version; it may be there as soon as it is asked for, and must be once answered."""
    fact = facts[app_id]
    code = fact["highest"] = fact["last"] = fact["last"] + 1
    note(folder, facts)
    reply = call("Install", source=make(folder, app_id, code), unsigned=True)
    if "error" not in reply and not reply["parameters"]["pending"]:
        fact["least"] = code
        note(folder, facts)


def rollback(folder, facts, app_id):
    facts[app_id]["least"] = 1
    note(folder, facts)
    call("Rollback", id=app_id)


def remove(folder, facts, app_id):
    """It may be gone as soon as that is asked for, and must be once answered."""
    facts[app_id]["least"] = 0
    note(folder, facts)
    if "error" not in call("Remove", id=app_id):
        facts[app_id]["highest"] = 0
        note(folder, facts)


def torment(folder, seed, began):
    dice, facts = random.Random(seed), facts_of(folder)
    with open(began, "w", encoding="ascii"):
        pass
    while True:
        app_id = dice.choice(IDS)
        what = dice.choice(("install", "install", "install", "Open", "Open", "Close", "rollback",
                            "come or go"))
        if what == "come or go" and facts[COMES_AND_GOES]["highest"] == 0:
            install(folder, facts, COMES_AND_GOES)
        elif what == "come or go":
            remove(folder, facts, COMES_AND_GOES)
        elif what == "install":
            install(folder, facts, app_id)
        elif what == "rollback":
            rollback(folder, facts, app_id)
        else:
            call(what, id=app_id)


def ran(app_id):
    try:
        with open(f"/var/lib/miniprogd/apps/{app_id}/data/ran", encoding="ascii") as f:
            return int(f.read() or 0)
    except (FileNotFoundError, ValueError):
        return 0


def check_one(app_id, fact, said):
    if said is None:
        fact["highest"] = 0
        return f"{app_id} is lost" if fact["least"] else None
    if fact["highest"] == 0:
        return f"{app_id} was removed, and is back"
    reply = call("Open", id=app_id)
    if "error" in reply:
        return f"{app_id} does not open: {reply}"
    code = reply["parameters"]["version_code"]
    if not fact["least"] <= code <= fact["highest"]:
        return f"{app_id} runs {code}, not one of {fact['least']} to {fact['highest']}"
    end = time.monotonic() + 60
    while ran(app_id) != code and time.monotonic() < end:
        time.sleep(0.1)
    if ran(app_id) != code:
        return f"{app_id} {code} is not whole: it said {ran(app_id)}"
    call("Close", id=app_id)
    return None


def check(folder):
    facts, said, bad = facts_of(folder), apps(), []
    for app_id in facts:
        fault = check_one(app_id, facts[app_id], said.get(app_id))
        if fault:
            bad.append(fault)
    note(folder, facts)
    for line in bad:
        print(line)
    return 1 if bad else 0


def prepare(folder):
    os.makedirs(folder, exist_ok=True)
    facts = {app_id: {"last": 0, "highest": 0, "least": 0} for app_id in IDS + (COMES_AND_GOES,)}
    note(folder, facts)
    for app_id in IDS:
        install(folder, facts, app_id)
    return 0


def point(n, seed):
    name, passes = POINTS[n % len(POINTS)]
    at = 1 + (seed + n // len(POINTS)) % passes
    return f"{name}:{at}:" + ("kill,WORKER_LOST:1:stop" if name in IN_WORKER else "stop")


def stopped():
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            with open(f"/proc/{daemon_pid()}/stat", encoding="ascii", errors="replace") as f:
                if f.read().rpartition(")")[2].split()[0] == "T":
                    return 0
        except OSError:
            pass
        time.sleep(0.01)
    return 1


def main():
    what = sys.argv[1]
    if what == "point":
        print(point(int(sys.argv[2]), int(sys.argv[3])))
        return 0
    if what == "stopped":
        return stopped()
    folder = sys.argv[2]
    try:
        if what == "prepare":
            return prepare(folder)
        if what == "check":
            return check(folder)
        return torment(folder, int(sys.argv[3]), sys.argv[4])
    except Gone:
        print("the supervisor went away")
        return 1


if __name__ == "__main__":
    sys.exit(main())
