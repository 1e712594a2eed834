#!/usr/bin/env python3
"""Kill the runner with SIGKILL at every journal commit of plans/lead_cutover, on the way forward and on the
way back, resume, and find the same end: the same world, no transaction twice, no command started again.

    crash_test.py [PART/PARTS] [under-way | forward|back [N]]

The runner kills itself (RBK_TEST_KILL_AFTER_COMMIT, RBK_TEST_KILL_BEFORE_COMMIT): commits are counted,
nothing sleeps. After a commit the effects it gives rise to have not begun; before one, what happened is
known to nobody but the driver.
"""

import os
import sys
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))

from world import Run, World  # noqa: E402

ENDS = {"completed": 0, "aborted": 10}
LEDGER = "INSERT INTO ledger (what) VALUES ('{}');\n"


def prepare(world):
    """A ledger that every transaction of the plan writes a row into; it is not part of the picture."""
    for name, what in (("010_move_leads.sql", "up"), ("010_move_leads.down.sql", "down")):
        path = os.path.join(world.plan, "sql", name)
        with open(path) as file:
            text = file.read()
        if "ledger" not in text:
            with open(path, "w") as file:
                file.write(text + LEDGER.format(what))


def reset(world):
    world.reset()
    world.sql("CREATE TABLE ledger (id integer GENERATED ALWAYS AS IDENTITY, what text)")


def ledger(world):
    return world.sql("SELECT what, count(*) FROM ledger GROUP BY 1 ORDER BY 1")


def picture(world):
    """Everything but the ledger, whose rows are counted on their own, and its place in the dump."""
    world.sql("ALTER TABLE IF EXISTS ledger SET SCHEMA information_schema")
    try:
        return world.picture()
    finally:
        world.sql("ALTER TABLE IF EXISTS information_schema.ledger SET SCHEMA public")


def abort_once_open(run):
    """The way back: a person aborts when everything is open and the retirement is being asked for."""
    if "abort" in run.given or run.status() not in ("observing", "grace"):
        return
    if any(each["question"] == "retire.approve.1" for each in run.look().get("questions", [])):
        return
    run.given.add("abort")
    if not run.query("SELECT 1 FROM events WHERE kind = 'command' AND body LIKE '%abort%'"):
        run.rbk("abort", run.id(), "--no-wait")


def calls(world):
    """How often each step that changes something started its command."""
    counts = {}
    path = os.path.join(world.wrappers, "calls")
    if os.path.exists(path):
        with open(path) as file:
            for line in file:
                step, command, _ = line.split()
                counts[step] = counts.get(step, 0) + 1
    return counts


def play(world, direction, name, kill=None):
    """One run to its end, killed once if asked to; returns (status, commits of the whole run)."""
    reset(world)
    # Forward nobody has to catch the moment; on the way back a person aborts while it observes.
    world.watch = "100ms" if direction == "forward" else "1s"
    run = Run(world, name, env=kill)
    on_turn = abort_once_open if direction == "back" else None
    policy = {"retire.approve.1": ""} if direction == "back" else {}
    run.start()
    code = run.finish(policy, on_turn=on_turn)
    killed = code == -9
    rounds = 0
    while code in (-9, 30) and rounds < 5:
        rounds += 1
        if run.status() in ENDS:
            break  # killed right after its last event: there is nothing left to resume
        run.given -= {name for name in run.given if name != "abort"}
        run.resume()
        code = run.finish(policy, on_turn=on_turn)
    return run, ENDS.get(run.status(), code), killed


def effects_of(run):
    """Names of the states whose effect is a command that changes something."""
    machine = run.machine()["tables"]
    return {state["name"] for state in machine["states"]
            if state["kind"] == "effect" and machine["effects"][state["effect"]]["kind"] in ("run", "shell")}


def check(world, direction, name, kill, wanted):
    run, code, killed = play(world, direction, name, kill)
    if not killed:
        return False
    expected = 0 if direction == "forward" else 10
    if code != expected:
        raise AssertionError(f"ended with {code}, {run.status()} after the kill\n{run.tail()}")
    seen = ledger(world)
    if seen != wanted["ledger"]:
        raise AssertionError(f"the ledger has {seen!r}, not {wanted['ledger']!r}\n{run.tail()}")
    after = picture(world)
    for part, value in wanted["picture"].items():
        if after[part] != value:
            raise AssertionError(f"{part} differs from the run that was not killed\n--- it\n{value[-1500:]}\n"
                                 f"--- this\n{after[part][-1500:]}\n{run.tail()}")
    changing = effects_of(run)
    twice = {step: count for step, count in calls(world).items() if step in changing and count != 1}
    if twice:
        raise AssertionError(f"started more than once: {twice}\n{run.tail()}")
    return True


# Commands that change something, forward and back: each is killed over while it runs.
UNDER_WAY = [
    ("forward", "stop_writes.apply.1.scale.2"), ("forward", "migrate.prepare.1.take.1.dump.1"),
    ("forward", "open_traffic.apply.1.turn_2.1.scale.2"), ("back", "open_traffic.rollback.1.undo_1.scale.1"),
    ("back", "stop_writes.rollback.1.undo_1.scale.1"),
]


def under_way(world, direction, step):
    """Kill the runner while the command of a step runs: the next one attaches to it, and it runs once."""
    reset(world)
    world.watch = "100ms" if direction == "forward" else "1s"
    world.break_command(step, "slow")
    run = Run(world, f"under-way-{step}")
    on_turn = abort_once_open if direction == "back" else None
    policy = {"retire.approve.1": ""} if direction == "back" else {}
    killed = []

    def turn(this):
        if on_turn is not None:
            on_turn(this)
        if not killed and world.command_met():
            killed.append(True)
            this.process.kill()

    run.start()
    code = run.finish(policy, on_turn=turn)
    if code != -9:
        raise AssertionError(f"it was not killed: {code}\n{run.tail()}")
    run.given -= {name for name in run.given if name != "abort"}
    run.resume()
    code = run.finish(policy, on_turn=on_turn)
    if code != (0 if direction == "forward" else 10):
        raise AssertionError(f"ended with {code}\n{run.tail()}")
    if calls(world).get(step) != 1:
        raise AssertionError(f"{step} was started {calls(world).get(step)} times\n{run.tail()}")
    if not any(kind == "resolved" and body["recovery"] == 1 for _, kind, body in run.events()):
        raise AssertionError(f"the command was not attached to\n{run.tail()}")


def walk_under_way(world, part, parts):
    passed, failures = 0, []
    for index, (direction, step) in enumerate(UNDER_WAY):
        if index % parts != part:
            continue
        try:
            under_way(world, direction, step)
            passed += 1
            print(f"ok   killed while {step} ran", flush=True)
        except Exception:
            failures.append(step)
            print(f"FAIL killed while {step} ran\n{traceback.format_exc()}", flush=True)
    return passed, failures


def walk(world, direction, part, parts, only):
    run, code, _ = play(world, direction, f"{direction}-whole")
    if code not in (0, 10):
        raise AssertionError(f"the run without a kill ended with {code}\n{run.tail()}")
    wanted = {"ledger": ledger(world), "picture": picture(world)}
    commits = len(run.events())
    passed, failures = 0, []
    # On the way back the forward part was walked already: begin with the abort.
    first = 1
    if direction == "back":
        first = next(seq for seq, kind, body in run.events()
                     if kind == "command" and body.get("command") == "abort")
    ended = False  # a run had fewer commits than that
    for number in range(first, commits + 6):
        for moment in ("AFTER", "BEFORE"):
            if only is not None and number != only:
                continue
            if ended or only is None and (number * 2 + (moment == "BEFORE")) % parts != part:
                continue
            name = f"{direction}-{number}-{moment.lower()}"
            begin = time.monotonic()
            try:
                met = check(world, direction, name, {f"RBK_TEST_KILL_{moment}_COMMIT": str(number)}, wanted)
                passed += met
                ended = not met
                print(f"{'ok  ' if met else 'end '} killed {moment.lower()} commit {number}, {direction} "
                      f"({time.monotonic() - begin:.1f} s)", flush=True)
            except Exception:
                failures.append(name)
                print(f"FAIL killed {moment.lower()} commit {number}, {direction}\n{traceback.format_exc()}",
                      flush=True)
    return passed, failures


def main():
    words = sys.argv[1:]
    part, parts = 0, 1
    if words and "/" in words[0]:
        part, parts = (int(word) for word in words.pop(0).split("/"))
    directions = [words[0]] if words else ["forward", "back"]
    only = int(words[1]) if len(words) > 1 else None
    passed, failures = 0, []
    world = World()
    try:
        prepare(world)
        if not words or words[0] == "under-way":
            passed, failures = walk_under_way(world, part, parts)
        for direction in [each for each in directions if each != "under-way"]:
            more, worse = walk(world, direction, part, parts, only)
            passed += more
            failures += worse
    finally:
        world.close()
    print(f"{passed} passed, {len(failures)} failed")
    return 1 if failures or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
