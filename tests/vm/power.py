#!/usr/bin/python3
"""power.py prepare|check|torment DIR [SEED BEGAN] - a store over power cuts.

torment installs, opens, closes and rolls back two apps for ever, and makes the file BEGAN when it is
about to; the power goes in the middle of it. What the supervisor answered for is noted in DIR, on
the disk for good, before the next step. check, after the boot, finds each app whole, in a version
that may be there, and able to start."""
import json
import os
import random
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from storm import Gone, apps, call  # noqa: E402

IDS = ("org.example.power.a", "org.example.power.b")
FILES = 12
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
    code = fact["highest"] + 1
    fact["highest"] = code
    note(folder, facts)
    reply = call("Install", source=make(folder, app_id, code), unsigned=True)
    if "error" not in reply and not reply["parameters"]["pending"]:
        fact["least"] = code
        note(folder, facts)


def rollback(folder, facts, app_id):
    facts[app_id]["least"] = 1
    note(folder, facts)
    call("Rollback", id=app_id)


def torment(folder, seed, began):
    dice, facts = random.Random(seed), facts_of(folder)
    with open(began, "w", encoding="ascii"):
        pass
    while True:
        app_id = dice.choice(IDS)
        what = dice.choice(("install", "install", "install", "Open", "Open", "Close", "rollback"))
        if what == "install":
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
        return f"{app_id} is lost"
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
    for app_id in IDS:
        fault = check_one(app_id, facts[app_id], said.get(app_id))
        if fault:
            bad.append(fault)
    for line in bad:
        print(line)
    return 1 if bad else 0


def prepare(folder):
    os.makedirs(folder, exist_ok=True)
    facts = {app_id: {"highest": 0, "least": 0} for app_id in IDS}
    note(folder, facts)
    for app_id in IDS:
        install(folder, facts, app_id)
    return 0


def main():
    what, folder = sys.argv[1], sys.argv[2]
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
