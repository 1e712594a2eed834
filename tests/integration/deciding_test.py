#!/usr/bin/env python3
"""Deciding, in small plans with readings of files: what cannot fire does not start, what is told of it, and the way
back while a stage stands applied. No servers.

    deciding_test.py [--keep] [CASE...]
"""

import json
import os
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

from scene import CHECK, OPS, Scene, expect, hold, plan, stage, tell

WORKERS = 3

LEVEL = 'probe level = int(run.output("cat level")) every 100ms timeout 5s missing after 2\n'
PLENTY = """
    severity grave then abort with approval of ops within 2m else abort
    probe level = int(run.output("cat level")) every 100ms timeout 5s
    probe paged = alert("Broken")
    baseline level over 1s
    trigger high grave when level > 5 for 2m
    trigger apart when level > 2 * baseline(level) then ask ops within 2m else abort missing hold 5m then pause
    trigger big when file.size("big") > 10MiB every 1s since a then pause
    trigger now when level < 4 for 3 readings since a started except during b then pause
    trigger alerted when paged then abort
    abort when level > 100 "far too much"
"""
GROWN = 'prepare within 10s { let before = file.size("big") }\n' \
        'trigger grown when file.size("big") > before every 1s during apply then rollback\n'


# ---- arming -----------------------------------------------------------------------------------------

def plenty(scene):
    scene.write("level", "3")
    scene.write("big", b"x" * 1024)
    scene.write("plan.rbk", plan(stage("a", tell("a"), more=GROWN), stage("b", tell("b")), head=OPS + PLENTY))


def arm(scene, *words, status, **more):
    done = scene.run("rbk", "run", "plan.rbk", "--arm-only", *words, **more)
    expect(done.status, status, f"the status of {done}")
    return done.out.decode()


def armed(scene, *words, status):
    told = json.loads(arm(scene, "--json", *words, status=status))
    return {each["name"] if each["kind"] == "trigger" else each["condition"]: each for each in told["conditions"]}, told


def arming_tells_how_far_each_is_from_firing(scene):
    plenty(scene)
    rows, told = armed(scene, status=0)
    expect(told["ready"], True, "it is ready")
    wanted = {"high": ("3", "> 5", "2 below 5"), "apart": ("3", "> 6", "3 below 6"),
              "big": ("1KiB", "> 10MiB", None), "now": ("3", "< 4", "fires after 3 readings"),
              "alerted": ("paged = false", "paged", "no alert"), "level > 100": ("3", "> 100", "97 below 100"),
              "grown": ("-", None, "later")}
    expect(sorted(rows), sorted(wanted), "the conditions")
    for name, (reading, limit, distance) in wanted.items():
        row = rows[name]
        expect((row["reading"], limit and row["threshold"], distance and row["distance"]), (reading, limit, distance), name)
    expect((rows["high"]["severity"], rows["high"]["reaction"], rows["high"]["armed"]),
           ("grave", "abort, asks ops", "first apply"), "high")
    expect((rows["apart"]["reaction"], rows["apart"]["missing"]), ("ask ops", "after 5m pause"), "apart")
    expect(rows["now"]["armed"], "since a started, except during b", "now")
    expect(rows["grown"]["armed"], "during apply of a", "grown")
    expect("the run has not set it yet" in rows["grown"]["no_data"][-1], True, rows["grown"])


def arming_leaves_nothing(scene):
    plenty(scene)
    folder = scene.path("tmp")
    os.mkdir(folder)
    arm(scene, status=0, env={"TMPDIR": folder})
    expect(os.listdir(folder), [], "what is left of the drivers")
    expect(os.path.exists(scene.path("state")), False, "a store")
    expect(os.path.exists(scene.path("trace")), False, "an effect")


def the_table_keeps_to_its_width(scene):
    plenty(scene)
    for env in ({}, {"NO_COLOR": "1"}, {"LANG": "C", "LC_ALL": "C"}):
        text = arm(scene, status=0, env=env)
        expect([line for line in text.split("\n")[:40] if len(line) > 80], [], "lines beyond 80 columns")
        expect("\x1b" in text, False, "control characters")


def arming_names_what_gave_no_data(scene):
    scene.write("plan.rbk", plan(stage("a", tell("a")), head=LEVEL + """
        param base: url = "http://127.0.0.1:9"
        probe health = http.status("${base}/health") every 1s timeout 2s
        trigger high when level > 5 then abort
        trigger down when health != 200 then pause missing then abort
        trigger big when file.size("big") > 1MiB every 1s then pause
        """))
    rows, told = armed(scene, status=1)
    expect(told["ready"], False, "it is not ready")
    expect(all(row["level"] == "missing" and row["distance"] == "no data" for row in rows.values()), True, rows)
    expect(rows["high"]["no_data"], ['probe level, int(run.output("cat level")): exit status 1'], "high")
    expect("probe health, http.status(" in rows["down"]["no_data"][0] and "127.0.0.1 port 9" in rows["down"]["no_data"][0],
           True, rows["down"])
    expect(rows["down"]["missing"], "abort", "what follows")
    expect("no such file" in rows["big"]["no_data"][0], True, rows["big"])
    scene.write("level", "nan")
    expect("not ready" in arm(scene, status=1), True, "the last line")


def arming_checks_parameters_and_secrets(scene):
    scene.write("level", "1")
    scene.write("plan.rbk", plan(stage("a", tell("a")), head=LEVEL + """
        param limit_: int
        secret word from env "WORD"
        probe told = run.output(["sh", "-c", "cat"]) every 1s
        trigger high when level > limit_ then abort
        """))
    arm(scene, status=2)
    arm(scene, "--set", "limit_=5", status=2)
    arm(scene, "--set", "limit_=5", status=0, env={"WORD": "sesame"})


def what_cannot_fire_does_not_start(scene):
    scene.begin(plan(stage("a", tell("a")), head=LEVEL + """
        trigger high when level > 5 then abort
        trigger big when file.size("big") > 1MiB every 1s then pause
        trigger later when file.size("later") > 1MiB every 1s since a then pause
        abort when level > 100 "too much"
        """)).ends(30, "held")
    expect(scene.trace(), [], "nothing was done")
    for line in ('trigger high cannot fire: probe level, int(run.output("cat level")): exit status 1',
                 'trigger big cannot fire: file.size("big") > 1MiB: no such file', "abort when level > 100 cannot fire",
                 "make these sources answer and retry", "rbk retry"):
        expect(line in scene.tail(), True, f"{line!r} in {scene.tail()}")
    expect("trigger later" in scene.tail(), False, "one that is armed later")
    scene.write("level", "1")
    scene.write("big", "x")
    scene.write("later", "x")
    scene.say("retry", "--no-wait")
    scene.resume().ends(0, "completed").trace("a")


def armed_later_without_data_applies_its_rule(scene):
    scene.write("level", "1")
    scene.begin(plan(stage("a", tell("a")), stage("b", tell("b") + hold()), head=LEVEL + """
        probe other = int(run.output("cat other")) every 100ms timeout 5s
        trigger high when level > 5 then abort
        trigger later when other > 5 since b started then pause missing then abort
        """)).ends(10, "aborted")
    expect([word for word in scene.trace() if word != "b"], ["a", "back_b", "back_a"], "the order")


# ---- playing ----------------------------------------------------------------------------------------

class Nowhere:
    url = "http://127.0.0.1:9"


def main(cases):
    wanted = [word for word in sys.argv[1:] if not word.startswith("-")]
    cases = [each for each in cases if not wanted or each.__name__ in wanted]

    def one(case):
        began, scene = time.monotonic(), Scene(None, Nowhere(), case.__name__)
        try:
            try:
                case(scene)
            finally:
                scene.close("--keep" in sys.argv)
            print(f"ok      {case.__name__} ({time.monotonic() - began:.1f} s)", flush=True)
            return True
        except Exception:  # a case that breaks in any way has failed
            print(f"FAILED  {case.__name__}\n{traceback.format_exc()}", flush=True)
            return False

    with ThreadPoolExecutor(WORKERS) as pool:
        results = list(pool.map(one, cases))
    print(f"{results.count(True)} passed, {results.count(False)} failed")
    sys.exit(1 if False in results else 0)


HELPERS = (plenty, arm, armed)
CASES = [each for each in list(globals().values())
         if hasattr(each, "__code__") and getattr(each, "__module__", "") == "__main__"
         and each.__code__.co_varnames[:each.__code__.co_argcount] == ("scene",) and each not in HELPERS]

if __name__ == "__main__":
    main(CASES)
