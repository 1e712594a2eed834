#!/usr/bin/env python3
"""Triggers and criteria, in small plans that are run for real: each reaction, missing readings, alerts, and what a
resumed run makes of them.

    triggers_test.py [--keep] [CASE...]
"""

import json
import os
import time

from scene import FAIL, HOOK, OPS, STRANGER, USE, expect, hold, plan, play, stage, tell, trigger


# ---- triggers ---------------------------------------------------------------------------------------

def fires(scene, rest, head="", inside=False, wait=False, **more):
    """A run whose stage `b` waits while a trigger fires."""
    line = trigger("bad", rest)
    scene.begin(plan(stage("a", tell("a")), stage("b", tell("b") + hold() + tell("b2"), more=line if inside else ""),
                     head=head + ("" if inside else line), **more), env=scene.hooked(), wait=wait)
    scene.until_traced("b")
    scene.touch("bad")


def a_trigger_aborts(scene):
    fires(scene, "then abort")
    scene.ends(10, "aborted").trace("a", "b", "back_b", "back_a")


def a_severity_gives_the_reaction(scene):
    scene.begin(plan(stage("a", tell("a") + hold()), head="severity grave then abort\n"
                     + 'trigger bad grave when file.exists("bad") every 100ms timeout 5s\n'))
    scene.until_traced("a")
    scene.touch("bad")
    scene.ends(10, "aborted").trace("a", "back_a")


def a_stages_trigger_rolls_it_back(scene):
    fires(scene, "then rollback", inside=True)
    scene.ends(30, "held").trace("a", "b", "back_b")


def a_trigger_pauses_and_the_run_continues(scene):
    fires(scene, "then pause", wait=True)
    scene.until_status("paused")
    scene.touch("go")
    time.sleep(0.3)
    expect(scene.trace(), ["a", "b"], "nothing new starts")
    scene.say("continue")
    scene.ends(0, "completed").trace("a", "b", "b2")


def a_trigger_notifies_and_no_more(scene):
    fires(scene, "then notify incident", head=HOOK, use=USE)
    scene.until(scene.told, "the message")
    scene.touch("go")
    scene.ends(0, "completed").trace("a", "b", "b2")
    expect(len(scene.told()), 1, "one message for one edge")


def a_trigger_asks(scene):
    fires(scene, "then ask ops within 30s else abort", head=OPS)
    scene.answer("ignore")
    scene.touch("go")
    scene.ends(0, "completed").trace("a", "b", "b2")


def a_trigger_asks_and_is_told_to_abort(scene):
    fires(scene, "then ask ops within 30s else pause", head=OPS)
    scene.answer("abort")
    scene.ends(10, "aborted").trace("a", "b", "back_b", "back_a")


def approval_denied_does_nothing(scene):
    fires(scene, "then abort with approval of ops within 30s else abort", head=OPS)
    scene.say("deny", scene.question())
    scene.touch("go")
    scene.ends(0, "completed").trace("a", "b", "b2")


def approval_given_or_silent_acts(scene):
    fires(scene, "then abort with approval of stranger within 1s else abort", head=STRANGER)
    scene.ends(10, "aborted").trace("a", "b", "back_b", "back_a")


def abort_comes_before_rollback(scene):
    line = "".join(f"trigger {name} when level > 1 then {reaction}\n"
                   for name, reaction in (("first", "pause"), ("second", "rollback"), ("third", "abort")))
    scene.begin(plan(stage("a", tell("a")), stage("b", tell("b") + hold(), more=line + 'allow RBK133 because "the order is what is tested"\n'),
                     head='probe level = int(run.exit("test ! -e bad")) * 2 every 100ms timeout 5s\n'))
    scene.until_traced("b")
    scene.touch("bad")
    scene.ends(10, "aborted").trace("a", "b", "back_b", "back_a")


def for_and_readings_take_their_time(scene):
    """A single bad reading is not enough for `for 2 readings`; `for 1s` has to be bad all the time."""
    scene.write("level", "1")
    level = 'int(run.output("cat level"))'
    scene.begin(plan(stage("a", tell("a") + hold()), use=USE, head=HOOK
                     + trigger("never", "for 60s then abort", f"{level} > 5")
                     + trigger("second", "for 1s then notify incident", f"{level} > 5")
                     + trigger("thrice", "for 3 readings then notify incident", f"{level} > 5")),
                env=scene.hooked())
    scene.until_traced("a")
    expect(scene.told(), [], "no message while the level is low")
    began = time.monotonic()
    scene.write("level", "9")
    scene.until(lambda: len(scene.told()) == 2, "two messages")
    expect(time.monotonic() - began >= 0.8, True, "`for 1s` waited")
    scene.touch("go")
    scene.ends(0, "completed")


def since_arms_later(scene):
    head = HOOK + "".join(trigger(name, f"{when} then notify incident", f'file.exists("bad_{name}")')
                          for name, when in (("now", ""), ("begun", "since b started"), ("standing", "since b"),
                                             ("except", "except during b")))
    more = trigger("during_b", "during apply then notify incident", 'file.exists("bad_during")')
    scene.begin(plan(stage("a", tell("a") + hold("go_a")), stage("b", tell("b") + hold("go_b"), more=more),
                     stage("c", tell("c") + hold("go_c")), head=head.replace("trigger now", "trigger at_once")
                     .replace("trigger except", "trigger unless"), use=USE), env=scene.hooked())

    def heard(word):
        return any(word in text for text in scene.texts())

    names = ("at_once", "begun", "standing", "unless", "during_b")
    scene.until_traced("a")
    for name in ("begun", "standing", "during", "now"):
        scene.touch("bad_" + name)
    scene.until(lambda: heard("at_once"), "the one that is armed from the first apply")
    expect([name for name in names if heard(name)], ["at_once"], "armed during a")
    scene.touch("go_a")
    scene.until(lambda: heard("begun") and len(scene.texts()) == 3, "those armed when b begins")
    scene.touch("bad_except")
    time.sleep(0.5)  # long enough for it to be read, were it armed
    expect(len(scene.texts()), 3, f"messages during b: {scene.texts()}")
    scene.touch("go_b")
    scene.until(lambda: len(scene.texts()) == 5, "those armed when b stands applied")
    scene.touch("go_c")
    scene.ends(0, "completed")


# ---- missing readings -------------------------------------------------------------------------------

def missing_takes_its_rule(scene):
    scene.write("level", "1")
    scene.begin(plan(stage("a", tell("a") + hold()),
                     head=trigger("bad", "then pause missing then abort", 'int(run.output("cat level")) > 5')))
    scene.until_traced("a")
    scene.write("level", "no number")
    scene.ends(10, "aborted").trace("a", "back_a")


def missing_pauses_unless_it_says_otherwise(scene):
    scene.write("level", "1")
    scene.begin(plan(stage("a", tell("a") + hold()),
                     head=trigger("bad", "then abort", 'int(run.output("cat level")) > 5')), wait=True)
    scene.until_traced("a")
    scene.write("level", "nan")
    scene.until_status("paused")
    scene.say("abort")
    scene.ends(10, "aborted")


def missing_may_come_back(scene):
    scene.write("level", "1")
    scene.begin(plan(stage("a", tell("a") + hold()), head=trigger(
        "bad", "then pause missing hold 2s then abort", 'int(run.output("cat level")) > 5')))
    scene.until_traced("a")
    scene.write("level", "x")
    time.sleep(0.7)
    scene.write("level", "1")
    time.sleep(2)
    expect(scene.status(), "running", "the status after a gap shorter than the hold")
    scene.write("level", "x")
    scene.ends(10, "aborted")


def a_probe_that_cannot_be_read_holds_at_the_start(scene):
    scene.begin(plan(stage("a", tell("a")), head="""
        probe level = int(run.output("cat level")) every 100ms timeout 5s missing after 2
        trigger bad when level > 5 then abort
        """)).ends(30, "held")
    expect(scene.trace(), [], "nothing was done")
    scene.write("level", "1")
    scene.say("retry", "--no-wait")
    scene.resume().ends(0, "completed").trace("a")


# ---- probes -----------------------------------------------------------------------------------------

def windows_and_baselines(scene):
    scene.write("level", "10")
    tests = {"avg": "avg(level, 1s) > 15", "max": "max(level, 1s) > 15", "min": "min(level, 1s) > 15",
             "latest": "last(level) > 15", "many": "count(level, 1s) > 3", "base": "level > 1.5 * baseline(level)",
             "plain": "level > 15", "recent": "last(level, 1s) > 15"}
    scene.begin(plan(stage("a", tell("a") + hold()), use=USE, head=HOOK + """
        probe level = int(run.output("cat level")) every 200ms timeout 5s missing after 10
        baseline level over 1s
        """ + "".join(f"trigger w_{name} when {test} then notify incident missing hold 60s then abort\n"
                      for name, test in tests.items())), env=scene.hooked())
    scene.until(lambda: scene.texts(), "a count of readings")
    expect([text for text in scene.texts() if "w_many" not in text], [], "what fires while the level is low")
    scene.until_traced("a")
    scene.write("level", "40")
    scene.until(lambda: len(scene.texts()) >= len(tests), "every window")
    for name in tests:
        expect(sum("w_" + name in text for text in scene.texts()), 1, f"messages of {name} in {scene.texts()}")
    scene.touch("go")
    scene.ends(0, "completed")


def levels(scene):
    return [json.loads(body)["level"] for body, in scene.ask("SELECT body FROM events WHERE kind = 'trigger' ORDER BY seq")]


def resumed(scene):
    return len(scene.ask("SELECT seq FROM events WHERE kind = 'resumed'"))


def an_alert_is_pushed(scene):
    scene.begin(plan(stage("a", tell("a") + hold()), head="""
        probe paged = alert("Broken", service: "leads")
        trigger bad when paged then abort
        """))
    scene.until_traced("a")
    scene.say("alert", "Broken", "resolved")
    expect(scene.status(), "running", "resolved changes nothing")
    scene.say("alert", "Broken", "firing", "--label", "service=leads", "--label", "severity=page")
    scene.ends(10, "aborted").trace("a", "back_a")
    expect("alert Broken with service=leads, severity=page is firing" in scene.tail(), True, "the log tells it")


def alerts_are_told_apart_by_their_labels(scene):
    scene.begin(plan(stage("a", tell("a") + hold()), head="""
        param team: text = "leads"
        probe paged = alert("Broken", service: team, stage: "")
        trigger bad when paged then pause
        """), wait=True)

    def push(state, *labels):
        scene.say("alert", "Broken", state, *(f"--label={each}" for each in labels))

    scene.until_traced("a")
    push("firing")
    push("firing", "service=other", "team=leads")
    push("firing", "service=leads", "stage=prod")
    expect(levels(scene), [], "labels that do not fit")
    push("firing", "service=leads", "pod=1")
    scene.until_status("paused")
    push("firing", "pod=2", "service=leads", "empty=")
    push("resolved", "service=leads", "pod=1")
    push("resolved", "service=leads")
    scene.say("continue")
    scene.die()
    scene.resume(wait=True)
    scene.until(lambda: resumed(scene), "a second runner")
    push("resolved", "service=leads", "pod=3")
    expect(levels(scene), ["true"], "one of two fires on, also in the eyes of a new runner")
    push("resolved", "service=leads", "pod=2")
    scene.until(lambda: levels(scene) == ["true", "false"], "the last one is resolved")
    push("firing", "service=leads", "pod=2")
    scene.until_status("paused")
    scene.say("alert", "Broken", "firing", "--label", "nothing", status=2)
    scene.say("alert", "Broken", "firing", "-l", "a=1", "-l", "a=2", status=2)
    scene.say("abort")
    scene.ends(10, "aborted").trace("a", "back_a")


# ---- triggers and resumed runs ----------------------------------------------------------------------

READ = """run.exit("sh -c 'echo x >> readings; test -e bad'") == 0"""


def read_often(scene):
    """Wait for a few more readings."""
    def bytes_read():
        return os.path.getsize(scene.path("readings")) if os.path.exists(scene.path("readings")) else 0
    before = bytes_read()
    scene.until(lambda: bytes_read() >= before + 10, "readings")


def once(scene, head):
    scene.touch("bad")
    scene.begin(plan(stage("a", tell("a") + hold() + hold("more")), head=head))
    scene.until_status("paused")
    scene.touch("go")
    scene.ends(30, "paused")
    expect(levels(scene), ["true"], "what paused it")
    scene.say("continue", "--no-wait")
    scene.resume()
    scene.until(lambda: resumed(scene), "a second runner")
    read_often(scene)
    scene.touch("more")
    scene.ends(0, "completed")
    expect(levels(scene), ["true"], "no second edge")


def a_trigger_reacts_once_over_a_resume(scene):
    once(scene, trigger("bad", "for 2 readings then pause", when=READ, every="every 100ms timeout 5s"))


def a_span_over_a_probe_is_reacted_to_once_over_a_resume(scene):
    once(scene, f"probe bad = {READ} every 100ms\ntrigger t when bad == true for 300ms then pause\n")


def what_comes_true_while_no_runner_lives_is_reacted_to(scene):
    scene.begin(plan(stage("a", tell("a") + hold() + hold("more")),
                     head=trigger("bad", "then abort", when=READ, every="every 100ms timeout 5s")))
    read_often(scene)
    scene.say("pause")
    scene.touch("go")
    scene.ends(30, "paused")
    scene.touch("bad")
    scene.say("continue", "--no-wait")
    scene.resume().ends(10, "aborted").trace("a", "back_a")


def what_is_missing_is_reacted_to_once_over_a_resume(scene):
    probe = """probe size = run.output("sh -c 'echo x >> readings; cat size'") as number every 100ms missing after 2\n"""
    scene.write("size", "1")
    scene.begin(plan(stage("a", tell("a") + hold() + hold("more")),
                     head=probe + "trigger t when size > 5 then abort missing then pause\n"))
    scene.until_traced("a")
    os.remove(scene.path("size"))
    scene.until_status("paused")
    scene.touch("go")
    scene.ends(30, "paused")
    scene.say("continue", "--no-wait")
    scene.resume()
    scene.until(lambda: resumed(scene), "a second runner")
    read_often(scene)
    expect(levels(scene), ["missing"], "still missing is not missing again")
    scene.touch("more")
    scene.ends(0, "completed")


# ---- criteria ---------------------------------------------------------------------------------------

def a_signal_aborts(scene):
    scene.begin(plan(stage("a", tell("a") + hold()), head='abort on signal broken "wrong data"'))
    scene.until_traced("a")
    scene.say("signal", "unheard_of", status=1)
    scene.say("signal", "broken")
    scene.ends(10, "aborted").trace("a", "back_a")


def turned_by(scene, condition, happens):
    """A plan with this criterion, which comes true while its stage waits."""
    scene.begin(plan(stage("a", tell("a") + hold(), within="40s"), head=f'abort when {condition} "it is time"'))
    scene.until_traced("a")
    happens()
    scene.ends(10, "aborted").trace("a", "back_a")
    log = scene.run("rbk", "log", scene.run_id()).text.decode()
    expect("it is time" in log, True, f"the reason in {log}")


def a_criterion_reads_for_itself(scene):
    turned_by(scene, 'file.exists("stop") every 100ms', lambda: scene.touch("stop"))


def a_criterion_is_told_of_an_alert(scene):
    turned_by(scene, 'alert("Stop", team: "ops")', lambda: scene.say("alert", "Stop", "firing", "--label", "team=ops"))


def a_criterion_that_cannot_read_holds_the_run(scene):
    """Before anything has happened, also in a plan without triggers; the reason names what was read."""
    scene.begin(plan(stage("a", tell("a")), head='abort when int(run.output("cat number")) > 5 every 200ms "too many"'))
    scene.ends(30, "held")
    expect(scene.trace(), [], "nothing was done")
    says = scene.run("rbk", "log", scene.run_id()).text.decode()
    expect('probe run.output("cat number"):' in says, True, f"the source, once, in {says}")
    scene.write("number", "3")
    scene.say("retry", "--no-wait")
    scene.resume().ends(0, "completed").trace("a")


def elapsed_aborts(scene):
    scene.begin(plan(stage("a", tell("a") + hold()), head='estimate 500ms\nabort when elapsed > 2 * estimate "too long"'))
    scene.ends(10, "aborted").trace("a", "back_a")


def rollbacks_are_counted(scene):
    scene.begin(plan(stage("a", tell("a")), stage("b", tell("b") + FAIL, more="attempts 5 every 100ms"),
                     head='abort when rollbacks > 1 "too many"')).ends(10, "aborted")
    scene.trace("a", "b", "back_b", "b", "back_b", "back_a")

HELPERS = (levels, resumed, read_often)
CASES = [each for each in list(globals().values())
         if callable(each) and getattr(each, "__module__", "") == "__main__"
         and each.__code__.co_varnames[:each.__code__.co_argcount] == ("scene",) and each not in HELPERS]

if __name__ == "__main__":
    play(CASES)
