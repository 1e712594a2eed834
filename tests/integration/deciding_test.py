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
    trigger few when count(level, 1m) < 5 then pause
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
              "alerted": ("paged = false", "paged", "no alert"), "few": ("1", "< 5", "too early"), "level > 100": ("3", "> 100", "97 below 100"),
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
    expect(rows["few"]["level"], "false", "few: a run would wait until it has counted for so long")
    expect("the run has not set it yet" in rows["grown"]["no_data"][-1], True, rows["grown"])


def arming_leaves_nothing(scene):
    plenty(scene)
    folder = scene.path("tmp")
    os.mkdir(folder)
    arm(scene, status=0, env={"TMPDIR": folder})
    expect(os.listdir(folder), [], "what is left of the drivers")
    expect(os.path.exists(scene.path("state")), False, "a store")
    expect(os.path.exists(scene.path("trace")), False, "an effect")


def arming_that_is_interrupted_leaves_nothing(scene):
    folder = scene.path("tmp")
    os.mkdir(folder)
    scene.write("plan.rbk", plan(stage("a", tell("a")), head="""
        probe slow = int(run.output("sh -c 'touch begun; sleep 60'")) every 1m timeout 5s
        trigger high when slow > 5 then abort
        """))
    process = scene.start("rbk", "run", "plan.rbk", "--arm-only", env={"TMPDIR": folder})
    scene.log = open(scene.path("log"), "ab")
    scene.until(lambda: os.path.exists(scene.path("begun")), "the reading")
    process.terminate()
    out, err = process.communicate(timeout=20)
    expect((process.returncode, b"interrupted" in err, os.listdir(folder)), (1, True, []), f"the end of it: {out + err}")


def the_table_keeps_to_its_width(scene):
    plenty(scene)
    for env in ({}, {"NO_COLOR": "1"}, {"LANG": "C", "LC_ALL": "C"}):
        text = arm(scene, status=0, env=env)
        expect([line for line in text.split("\n")[:40] if len(line) > 80], [], "lines beyond 80 columns")
        expect("\x1b" in text, False, "control characters")
    scene.write("plan.rbk", plan(stage("a", tell("a")), head="""
        probe sum = file.sha256("big") every 1s
        trigger replaced when sum == "" then pause
        """))
    text = arm(scene, status=0)
    expect([line for line in text.split("\n") if len(line) > 80], [], "lines beyond 80 columns, of a long reading")


def arming_names_what_gave_no_data(scene):
    scene.write("plan.rbk", plan(stage("a", tell("a")), head=LEVEL + """
        param base: url = "http://127.0.0.1:9"
        probe health = http.status("${base}/health") every 1s timeout 2s
        trigger high when level > 5 then abort
        trigger down when health != 200 then pause missing then abort
        trigger big when file.size("big") > 1MiB every 1s then pause
        """))
    scene.write("half.rbk", plan(stage("a", tell("a")), head=LEVEL + """
        probe dead = int(run.output("cat dead")) every 1s
        trigger both when level > 5 and dead > 5 then abort
        trigger own when run.exit("true") != 0 and dead > 5 every 1s then abort
        trigger one_of when level == 1 or dead > 5 then pause
        """))
    rows, told = armed(scene, status=1)
    expect(told["ready"], False, "it is not ready")
    expect(all(row["level"] == "missing" and row["distance"] == "no data" for row in rows.values()), True, rows)
    expect(rows["high"]["no_data"], ['probe level, int(run.output("cat level")): exit status 1'], "high")
    expect("probe health, http.status(" in rows["down"]["no_data"][0] and "127.0.0.1 port 9" in rows["down"]["no_data"][0],
           True, rows["down"])
    expect(rows["down"]["missing"], "abort", "what follows")
    expect("no such file" in rows["big"]["no_data"][0], True, rows["big"])
    expect((rows["big"]["threshold"], rows["high"]["threshold"]), ("> 1MiB", "> 5"), "what is known without data")
    # One side of an `and` says no, and hides that the other says nothing: it cannot fire all the same.
    scene.write("level", "1")
    told = json.loads(scene.run("rbk", "run", "half.rbk", "--arm-only", "--json").out)
    expect([(row["name"], row["level"], "cat dead" in str(row.get("no_data"))) for row in told["conditions"]],
           [("both", "missing", True), ("own", "missing", True), ("one_of", "true", False)], "half of each")
    expect(told["ready"], False, "ready with half of the sources")
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


# ---- reactions in the phases of a run ---------------------------------------------------------------

FIRE = 'trigger fire when file.exists("fire") every 100ms timeout 5s then {0}\n'
OTHER = 'trigger other when file.exists("other") every 100ms timeout 5s then ask ops within 20s else abort\n'


def asks(scene):
    scene.question()


def stays(status):
    return lambda scene: scene.until_status(status)


def pauses(scene):
    scene.until_traced("b")
    scene.say("pause")
    scene.until_status("paused")


def other_asks(scene):
    scene.until_traced("b")
    scene.touch("other")
    scene.question()


def begins_b(scene):
    scene.until_traced("b")


def a_stands(scene):
    scene.until(lambda: any(each["stage"] == "a" and each["applied"] for each in scene.look().get("stages", [])), "a stands applied")


# Stage b, what follows it, and how the phase is reached.
WAITS = tell("b") + 'wait 30s because "it takes its time"\n'
RUNS = tell("b") + """shell "echo $$ > pid; exec sleep 300" timeout 1m idempotent\n"""
DEAD = 'shell "kill -0 $(cat pid) && echo alive >> trace; echo back_b >> trace" timeout 10s idempotent\n'
PHASES = {
    "a gate": (dict(apply=tell("b"), more="approve ops within 30s else abort"), "", asks),
    "a manual step": (dict(apply=tell("b") + 'manual "do it" by ops within 30s else abort\n'), "", asks),
    "a command": (dict(apply=RUNS, rollback=DEAD), "", lambda scene: scene.until(lambda: os.path.exists(scene.path("pid")), "pid")),
    "a wait": (dict(apply=WAITS), "", begins_b),
    "held": (dict(apply=tell("b"), more='prepare within 10s { let x = run.output("false") timeout 5s }'), "", stays("held")),
    "paused": (dict(apply=WAITS), "", pauses),
    "between stages": (dict(apply=tell("b"), more="after a for 30s"), "", a_stands),
    "observe": (dict(apply=tell("b")), "observe 30s", stays("observing")),
    "grace": (dict(apply=tell("b")), "grace 30s", stays("grace")),
    "another question": (dict(apply=WAITS), "", other_asks),
}


def in_phase(scene, phase, reaction):
    """A stage a that stands, and a run that is somewhere when a trigger of a fires."""
    b, tail, reach = PHASES[phase]
    scene.begin(plan(stage("a", tell("a"), more=FIRE.format(reaction)), stage("b", **b), head=OPS + OTHER, tail=tail), wait=True)
    reach(scene)
    scene.touch("fire")


def aborted(scene, phase):
    in_phase(scene, phase, "abort")
    scene.ends(10, "aborted")
    began = "b" in scene.trace()
    scene.trace("a", *(["b", "back_b"] if began else []), "back_a")


def rolled_back(scene, phase):
    in_phase(scene, phase, "rollback")
    scene.until(lambda: "back_a" in scene.trace() and scene.status() == "held", "a went back, and the run is held")
    began = "b" in scene.trace()
    scene.trace("a", *(["b", "back_b"] if began else []), "back_a")
    scene.say("abort")
    scene.ends(10, "aborted")


def in_every_phase(function):
    """A case for each phase."""
    def case_of(phase):
        def case(scene):
            function(scene, phase)
        case.__name__ = f"{function.__name__}_in_{phase.replace(' ', '_')}"
        return case
    return [case_of(phase) for phase in PHASES]


# ---- the way back -----------------------------------------------------------------------------------

TOLD = """module small.told

channel file(path: text) { shell "echo ${message} >> ${path}" timeout 5s }
"""


def two_ways(name, every="every 200ms", more=""):
    """A stage that goes back by `down` while the file `old` is there, else by `other` while `copy` is."""
    verify = f"verify {{ {CHECK} }}"
    return f"""
    stage {name} "Stage {name}" {{
        unwatched because "a test"
        {more}
        apply within 1m {{ {tell(name)} }}
        verify within 20s {{ {CHECK} }}
        rollback down when file.exists("old") {every} within 20s {{ {tell("down_" + name)} {verify} }}
        rollback other when run.output("cat copy") == "yes" {every} within 20s {{ {tell("other_" + name)} {verify} }}
    }}"""


def way_of(scene, name="a"):
    for each in scene.look().get("stages", []):
        if each["stage"] == name and "way_back" in each:
            return each["way_back"], {way["strategy"]: way["status"] for way in each["ways"]}
    return None


def until_way(scene, word, **strategies):
    scene.until(lambda: way_of(scene) == (word, strategies), f"a way back that is {word}, {strategies}; it is {way_of(scene)}")


def way_events(scene):
    return [json.loads(body) for body, in scene.ask("SELECT body FROM events WHERE kind = 'way_back' ORDER BY seq")]


def the_way_back_is_open_closing_and_closed(scene):
    scene.write("old", "")
    scene.write("copy", "yes")
    scene.write("small/told.rbk", TOLD) if os.path.isdir(scene.path("small")) else (os.mkdir(scene.path("small")),
                                                                                    scene.write("small/told.rbk", TOLD))
    head = 'channel told = told.file("told")\non no_way_back { notify told "gone" }\n' + OPS
    scene.begin(plan(two_ways("a"), stage("b", tell("b") + hold("go_b")), stage("c", tell("c") + hold("go_c")),
                     head=head, use="use small.told"), wait=True)
    until_way(scene, "open", down="open", other="open")
    scene.until_traced("b")
    os.remove(scene.path("old"))
    until_way(scene, "closing", down="closed", other="open")
    scene.write("copy", "no")
    until_way(scene, "closed", down="closed", other="closed")
    expect(scene.status(), "running", "b is under way")
    scene.touch("go_b")
    scene.until_status("held")
    expect(scene.look()["cause"], "no way back of stage a is open", "the cause")
    expect(any("goes on by itself" in line for line in scene.look()["what_now"]), True, "what now")
    scene.say("retry", status=1)
    # A new runner finds what there was, and tells nothing twice.
    before = len(way_events(scene))
    scene.process.kill()
    scene.process.wait()
    expect(way_of(scene), ("closed", {"down": "closed", "other": "closed"}), "after the runner")
    scene.resume(wait=True)
    scene.until(lambda: "read" in scene.look()["stages"][0]["ways"][0] and scene.look()["runner"], "a look of the new runner")
    time.sleep(0.5)
    expect((scene.status(), len(way_events(scene))), ("held", before), "nothing has changed")
    os.remove(scene.path("copy"))  # nobody knows: no data is not good data
    until_way(scene, "closed", down="closed", other="unknown")
    expect(scene.trace(), ["a", "b"], "c has not begun")
    scene.touch("old")
    until_way(scene, "open", down="open", other="unknown")
    scene.until_traced("c")
    os.remove(scene.path("old"))
    until_way(scene, "closed", down="closed", other="unknown")
    scene.touch("old")
    scene.touch("go_c")
    scene.ends(0, "completed").trace("a", "b", "c")
    expect(scene.read("told").decode().split(), ["gone", "gone"], "one message for each time the last way closed")
    levels_told = [(each["level"], each["ways"]) for each in way_events(scene)]
    expect(all(one != other for one, other in zip(levels_told, levels_told[1:])), True, f"only changes: {levels_told}")


def a_way_back_is_read_before_the_next_stage_starts(scene):
    scene.write("copy", "no")
    scene.begin(plan(two_ways("a", every=""), stage("b", tell("b")))).ends(30, "held")
    expect(scene.trace(), ["a"], "b has not begun")
    scene.touch("old")
    scene.resume().ends(0, "completed").trace("a", "b")


def ways_are_read_as_often_as_they_say(scene):
    """Faster than a second, and in no multiple of it."""
    condition = """run.exit("sh -c 'echo x >> {0}; true'") == 0"""
    verify = f"verify {{ {CHECK} }}"
    scene.begin(plan(f"""
    stage a "Stage a" {{
        unwatched because "a test"
        apply within 1m {{ {tell("a")} }}
        verify within 20s {{ {CHECK} }}
        rollback fast when {condition.format("fast")} every 100ms within 20s {{ {tell("x")} {verify} }}
        rollback slow when {condition.format("slow")} every 1500ms within 20s {{ {tell("x")} {verify} }}
        rollback rare when {condition.format("rare")} within 20s {{ {tell("x")} {verify} }}
    }}""", stage("b", tell("b") + hold())))
    scene.until(lambda: os.path.exists(scene.path("slow")) and scene.read("slow").count(b"x") >= 3, "three looks in three seconds")
    fast, slow, rare = (scene.read(name).count(b"x") for name in ("fast", "slow", "rare"))
    expect(2 * slow < fast <= 15 * slow, True, f"{fast} looks at the fast one, {slow} at the slow one")
    expect(rare, 1, "looks at the one without `every`")
    expect(len(way_events(scene)), 1, "nothing changes")
    scene.touch("go")
    scene.ends(0, "completed")


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


HELPERS = (plenty, arm, armed, way_of, until_way, way_events, asks, pauses, other_asks, begins_b, a_stands)
CASES = [each for each in list(globals().values())
         if hasattr(each, "__code__") and getattr(each, "__module__", "") == "__main__"
         and each.__code__.co_varnames[:each.__code__.co_argcount] == ("scene",) and each not in HELPERS]

if __name__ == "__main__":
    main(CASES + in_every_phase(aborted) + in_every_phase(rolled_back))
