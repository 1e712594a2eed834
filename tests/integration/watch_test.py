#!/usr/bin/env python3
"""Each trigger and criterion of plans/lead_cutover fires in each phase in which it is armed, against real
Prometheus, Alertmanager, PostgreSQL and Redis: who is asked, what is stopped and shown dead, in which order the
stages go back, what is told, and that the world is as it was.

    watch_test.py [PART/PARTS] [WORD...]

Cases whose names have one of the words, else all: every PARTS-th of them in one world, or all in several worlds
side by side.

CELLS is the table of it; "the table has every cell" holds it against the plan and against what the runner says.
"""

import re
import subprocess
import sys

from cases import play, share
from watch_missing import losses
from watch_run import ALL, PHASES, STOPS, WatchRun, start
from watch_walks import VISITED, walks
from watch_world import WatchWorld
from world import wait_for

WORLDS = 4
CASES = []


def case(name):
    def add(function):
        CASES.append((name, function))
        return function
    return add


def same(got, wanted, what, run=None):
    if got != wanted:
        raise AssertionError(f"{what}\n   is {got!r}\n  not {wanted!r}" + ("\n" + run.tail() if run else ""))


# ---- what makes each of them fire, and what ends it --------------------------------------------------


class Fault:
    def __init__(self, begin, end=None):
        self.begin, self.end = begin, end or (lambda world, run: None)


def knobs(**values):
    return Fault(lambda world, run: world.control(**values),
                 lambda world, run: world.control(health=None, error_rate=0.0002, p99=0.08, page=0))


FAULTS = {
    "unhealthy": knobs(health=500),
    "errors": knobs(error_rate=0.4),
    # Twice the baseline, and yet what open_traffic's own verification takes.
    "slow": knobs(p99=0.18),
    "disk": Fault(lambda world, run: world.fill_disk(), lambda world, run: world.free_disk()),
    "alerted": knobs(page=1),
    "corrupt": Fault(lambda world, run: world.sql("UPDATE leads SET email = 'broken' WHERE id <= 100"),
                     lambda world, run: world.sql("UPDATE leads SET email = 'a' || id || '@b' WHERE id <= 100")),
    "integrity": Fault(lambda world, run: run.tell("signal", "integrity")),
}
# Which phases each is armed in: "since" a stage stands applied, or "started", or from the first effect on.
STANDS = ("observe", "paused, observe", "question", "question, errors", "grace")
STARTED = ("apply open_traffic", "check open_traffic", "paused, open_traffic", "verify open_traffic", *STANDS)
ARMED = {"unhealthy": STANDS, "errors": STARTED, "slow": STARTED, "disk": tuple(PHASES), "alerted": tuple(PHASES),
         "corrupt": ("between", "open_traffic goes back", "held, open_traffic back", *STARTED)}
# What another trigger's question is about, where that is what a phase is.
ASKS = {"question": "slow", "question, errors": "errors"}
DBA = ["dba"]
CAUSES = {**{name: f"trigger {name} fired" for name in ARMED},
          "integrity": "data integrity issue found in production", "elapsed": "twice the estimate",
          "rollbacks": "more than three unplanned stage rollbacks"}


# ---- what must hold when a run has turned round -------------------------------------------------------


def turned(run, since):
    return run.until(lambda event: event.get("status") in ("aborting", "aborted"), "an abort", since=since)


def shown_dead(world, run, phase):
    """What was under way when the run turned was dead before the first thing was taken back."""
    same(world.held_and_alive(), set(), "commands that ran beside the one that was cancelled", run)
    if phase not in ("apply migrate", "index migrate"):
        return
    log = world.server_log()[run.log_at:]
    cancelled = log.find("canceling statement due to user request")
    back = log.find("DROP TABLE IF EXISTS leads")
    assert 0 <= cancelled < back, f"the backend was not ended first\n{log[-3000:]}"


def rolled_back(run, since):
    """The stages that went back, in the order in which they did."""
    stages = []
    for event in run.all(lambda event: event["kind"] == "result" and ".rollback." in event.get("step", ""))[since:]:
        if event["stage"] not in stages[-1:]:
            stages.append(event["stage"])
    return stages


def ends_aborted(world, run, back, name, since):
    """The run ends as an abort does, for the cause of that name; `back` are the stages in their order."""
    decision = turned(run, since)
    before = len(run.all(lambda event: ".rollback." in event.get("step", "") and event["seq"] < decision["seq"]))
    code = run.wait()
    now, cause = run.now(), CAUSES[name]
    same((code, now["status"]), (10, "aborted"), "the end", run)
    assert cause in now["cause"], f"the cause is {now['cause']!r}, not {cause!r}"
    same(rolled_back(run, before if name != "rollbacks" else 0)[-len(back):], back, "the way back", run)
    forward = run.all(lambda event: event["kind"] == "result" and event["seq"] > decision["seq"]
                      and ".rollback." not in event["step"] and event["outcome"] == "ok")
    same(forward, [], "steps forward after the decision", run)
    told = [message["text"] for message in wait_for(
        lambda: "Rolled back in" in "".join(message["text"] for message in world.messages()) and world.messages(),
        what="the last message")]
    patterns = [rf"Cutover {run.id} started by {now['user']}", rf"Rolling back: .*{cause}.*\. Target 15m",
                r"Rolled back in \S.*, data verified"]
    assert len(told) == 3 and all(re.fullmatch(*pair) for pair in zip(patterns, told)), \
        f"what was told is\n{told}\n not {patterns}"
    for part, value in world.picture().items():
        same(value, world.before[part], f"{part} after the rollback", run)


def fired(run):
    return {each["trigger"]: each["fired"] for each in run.now()["triggers"] if each["fired"]}


# ---- cells that end with the way back -----------------------------------------------------------------


def turns_round(name, phase, answer=None, change=(), **more):
    """It fires in the phase and the run goes back: by itself, or as dba answers; "" is silence."""
    def run_case(world):
        run = start(world, phase, change=change, **more)
        try:
            armed = {each["trigger"] for each in run.now()["triggers"] if each["armed"]}
            same(armed, {trigger for trigger, phases in ARMED.items() if phase in phases}, "the armed triggers", run)
            mark = run.mark()
            if name in FAULTS:
                FAULTS[name].begin(world, run)
            if name in ARMED:
                run.fires(name, since=mark)
            if answer is not None:
                same(run.asked_of(mark), DBA, "who is asked", run)
                if answer:
                    run.tell("answer", f"trigger.{name}", answer)
            turned(run, mark)
            if phase.endswith(" goes back"):  # which nothing stops: it is finished first
                world.let_go()
            if name in ("unhealthy", "alerted"):
                FAULTS[name].end(world, run)
            ends_aborted(world, run, PHASES[phase].back, name, mark)
            shown_dead(world, run, phase)
            wanted = [ASKS[phase]] if phase in ASKS else []
            same(fired(run), dict.fromkeys(wanted + ([name] if name in ARMED else []), 1), "what fired", run)
        finally:
            run.close()
    return run_case


SILENCE = {"errors": [("abort with approval of dba within 2m", "abort with approval of dba within 1s")],
           "slow": [("ask dba within 5m", "ask dba within 1s")]}
# (what fires, the phases, what dba answers in each of them, or "" nothing): all of them end aborted.
CELLS = [
    ("alerted", ARMED["alerted"], None),
    ("integrity", tuple(PHASES), None),
    ("unhealthy", ARMED["unhealthy"], None),
    ("corrupt", ARMED["corrupt"], None),
    ("errors", ("apply open_traffic", "verify open_traffic", "observe", "question"), "yes"),
    ("errors", ("check open_traffic", "paused, open_traffic", "paused, observe", "grace"), ""),
    ("slow", ("apply open_traffic", "verify open_traffic", "paused, observe", "question, errors", "grace"), "abort"),
    ("slow", ("check open_traffic", "paused, open_traffic", "observe"), ""),
]
for name, phases, answer in CELLS:
    for phase in phases:
        CASES.append((f"{name} in {phase}" + ("" if answer is None else f", {answer or 'silence'}"),
                      turns_round(name, phase, answer, SILENCE[name] if answer == "" else ())))
# Time passes while the run stands in the phase; from the end of the last stage on it does not count any more.
for index, phase in enumerate(PHASES):
    if phase not in STANDS:
        estimate = "estimate 2500ms" if len(PHASES[phase].back) < 2 else "estimate 3500ms"
        CASES.append((f"elapsed in {phase}", turns_round("elapsed", phase, change=[("estimate 60m", estimate)])))


# ---- the fourth rollback ------------------------------------------------------------------------------

FAILURES = {
    "apply stop_writes": (ALL[2:], lambda world: world.fail_command(STOPS)),
    "verify stop_writes": (ALL[2:], lambda world: world.fail_command("stop_writes.verify.1")),
    "apply migrate": (ALL[1:], lambda world: world.pg_proxy.set("CREATE TABLE lead_sources", "fail")),
    "verify migrate": (ALL[1:], lambda world: world.pg_proxy.set("SELECT count(*) FROM leads", "fail")),
    "apply open_traffic": (ALL, lambda world: world.fail_command("open_traffic.apply.1.turn_2.1.scale.2")),
    # More than the verification takes, less than twice the baseline: that is for the trigger.
    "verify open_traffic": (ALL, lambda world: None),
}


def fourth_rollback(phase):
    """Three times the first stage fails, goes back, and is tried again; the fourth time something fails the run
    goes back."""
    back, fail = FAILURES[phase]

    def run_case(world):
        world.reset()
        world.fail_command(STOPS)
        late = phase == "verify open_traffic"
        if late:
            world.control(p99=0.12)
            wait_for(lambda: (world.ask("job:latency:p99") or 0) > 0.11, what="the other baseline")
        run = WatchRun(world, change=[("verify within 6m {", "verify within 1s {")] if late else ())
        try:
            run.begin()
            mark = 0
            for count in range(1, 4):
                run.reached("held", since=mark)
                same(run.now()["rollbacks"], count, "rollbacks", run)
                mark = run.mark()
                if count == 3:
                    world.reset_faults()
                    world.control(p99=0.12 if late else 0.08)
                    fail(world)
                run.tell("retry")
            if back != ALL[2:]:
                run.stepped("stop_writes.verify.1", since=mark)
                run.tell("answer", "migrate.approve.1", "yes")
            if late:
                run.stepped("migrate.verify.2", since=mark)
                world.control(p99=0.22)
            turned(run, mark)
            ends_aborted(world, run, back, "rollbacks", mark)
        finally:
            run.close()
    return run_case


for phase in FAILURES:
    CASES.append((f"rollbacks in {phase}", fourth_rollback(phase)))


CASES += walks(FAULTS) + losses()


@case("everything fires at once in observe")
def at_once(world):
    """Whichever is seen first, the run goes back once, for one cause, and whatever comes after changes nothing."""
    run = start(world, "observe")
    try:
        mark = run.mark()
        for name in ("disk", "errors", "slow", "corrupt", "unhealthy", "alerted", "integrity"):
            if name == "integrity":
                run.rbk("signal", run.id, name)  # refused, where another was faster
            else:
                FAULTS[name].begin(world, run)
        turned(run, mark)
        for name in ("disk", "unhealthy", "alerted"):
            FAULTS[name].end(world, run)
        code = run.wait()
        cause = run.now()["cause"]
        name = next((name for name, text in CAUSES.items() if text in cause), None)
        assert name in ("alerted", "integrity", "unhealthy", "corrupt"), f"{code} {cause}\n{run.tail()}"
        ends_aborted(world, run, ALL, name, mark)
    finally:
        run.close()


@case("the table has every cell")
def every_cell(world):
    """Every trigger of the plan, in every phase in which the runner says that it is armed (each case asks it)."""
    run = start(world, "gate")
    try:
        same({each["trigger"] for each in run.now()["triggers"]}, set(ARMED), "the triggers of the plan", run)
    finally:
        run.close()
    names = [name for name, _ in CASES]
    missing = [(name, phase) for name, phases in {**ARMED, "integrity": PHASES}.items() for phase in phases
               if not any(each == f"{name} in {phase}" or each.startswith(f"{name} in {phase}, ") for each in names)
               and not (name == "disk" and phase in VISITED) and ASKS.get(phase) != name]
    same(missing, [], "cells without a case")


def there(name, world):
    if not name.startswith("disk ") or world.mounted:
        return True
    print(f"skip {name}: no file system can be mounted here", flush=True)
    return False


def main():
    part, parts, words = share(sys.argv[1:])
    if words != sys.argv[1:]:
        world = WatchWorld()
        return play([case for case in CASES[part::parts] if (not words or any(word in case[0] for word in words))
                     and there(case[0], world)], world)
    # Most of a case is waiting: for a rate to rise, an alert to come, a span to pass.
    parts = [subprocess.Popen([sys.executable, __file__, f"{part}/{WORLDS}", *words]) for part in range(WORLDS)]
    return max(part.wait() for part in parts)


if __name__ == "__main__":
    sys.exit(main())
