#!/usr/bin/env python3
"""Whom silence asks next: about an effect in doubt (`in doubt ask R within D else ask S …`), and about a run that
nobody decides on (`held at most D else ask R …`). Answered, refused, expired, and with a runner that is killed
while somebody is asked.

    asked_on_test.py [--keep] [CASE...]
"""

import json
import signal
import time

from people_test import DBA, LEAD, answers, asked, doubtful, log_of, put, reply_to, resolve, says
from scene import HOOK, expect, plan, play, stage, tell


def killed(scene):
    scene.process.send_signal(signal.SIGKILL)
    scene.process.wait()


def other_than(scene, first):
    """The question that is open instead of `first`."""
    return scene.until(lambda: next((each for each in scene.look().get("questions", []) if each["id"] != first["id"]), None),
                       "another asking")


def sent(scene):
    return len(scene.web.got(f"/status/500/{scene.name}"))


# ---- doubt ------------------------------------------------------------------------------------------

def a_doubt_is_put_to_others(scene):
    """Who was asked first is not asked any more; a new runner asks the second again; it is sent once in all."""
    first = doubtful(scene, "in doubt ask dba within 1s else ask lead four eyes within 60s else abort")
    says(first["text"], "dba")
    second = other_than(scene, first)
    expect((second["question"], second["kind"]), (first["question"], "doubt"), "the same step is in doubt")
    says(second["text"], "lead", "four eyes")
    says(resolve(scene, "dirk", "done", first), "the question that was meant is no longer open; another one is now")
    says(resolve(scene, "dirk", "done", second), "you do not speak for any role", "lead (ines")
    killed(scene)
    scene.resume()
    again = asked(scene)
    expect((again["id"], again["until"]), (second["id"], second["until"]), "the question after the crash")
    expect(resolve(scene, "ines", "done", again), "accepted", "ines")
    scene.ends(0, "completed").trace("a", "more")
    expect(sent(scene), 1, "how often it was sent")


def a_doubt_that_nobody_knows_takes_the_last_else(scene):
    """The second `within` ends while no runner lives."""
    first = doubtful(scene, "in doubt ask dba within 1s else ask lead within 2s else abort")
    other_than(scene, first)
    killed(scene)
    time.sleep(2.2)
    scene.resume().ends(10, "aborted").trace("a", "back_a")
    expect(sent(scene), 1, "how often it was sent")


def an_abort_waits_for_all_who_may_know(scene):
    first = doubtful(scene, "in doubt ask dba within 2s else ask lead within 60s else abort")
    scene.say("abort")
    second = other_than(scene, first)
    expect(scene.trace(), ["a"], "nothing goes back while it is in doubt")
    expect(resolve(scene, "ines", "not-done", second), "accepted", "ines")
    scene.ends(10, "aborted").trace("a", "back_a")
    expect(sent(scene), 1, "how often it was sent")


def a_doubt_outlives_a_pause(scene):
    """It is not carried out again by somebody who lets the run go on."""
    doubtful(scene, "in doubt ask dba within 500ms else ask lead within 2s else pause", wait=True)
    scene.until_status("paused")
    scene.say("continue")
    scene.until_status("paused")  # and again, when nobody answers
    expect(sent(scene), 1, "how often it was sent")
    question = asked(scene)
    says(question["text"], "did it happen?", "lead")
    expect(resolve(scene, "ines", "done", question), "accepted", "ines")
    scene.say("continue")
    scene.ends(0, "completed").trace("a", "more")
    expect(sent(scene), 1, "how often it was sent")


# ---- held -------------------------------------------------------------------------------------------

def held(scene, otherwise, at_most="1s", hooks=""):
    """A run that is held until `here` is there, before anything was applied."""
    scene.begin(plan(stage("a", tell("a")), head=DBA + LEAD + HOOK + f"""
        held at most {at_most} else {otherwise}
        require "it is here" file.exists("here")
        {hooks}
        """, use="use std.http"), env={"HOOK": scene.hook()}, wait=True)
    return scene


def about_the_run(scene):
    question = asked(scene)
    expect((question["question"], question["kind"]), ("held", "held"), "what is asked")
    return question


def a_hold_asks_and_goes_on(scene):
    """Who is asked is told; others may not answer; the question survives the runner; `continue` tries again."""
    held(scene, "ask lead within 60s else abort", hooks='on hold { notify incident "held, asked: ${run.question}" }')
    question = about_the_run(scene)
    says(question["text"], "what now?", "it is held", "it is here", "lead")
    expect([each.split(" --store")[0] for each in question["commands"]],
           [f"rbk answer {scene.run_id()} held@{question['id']} {word}" for word in ("continue", "abort", "ignore", "cancel")],
           "the commands")
    says(answers(scene, "dirk", "continue"), "you do not speak for any role", "lead (ines")
    says(answers(scene, "ines", "yes"), "continue, abort, cancel or ignore")
    says(answers(scene, "ines", "rollback"), "continue, abort, cancel or ignore")
    killed(scene)
    scene.resume(wait=True)
    again = about_the_run(scene)
    expect((again["id"], again["until"]), (question["id"], question["until"]), "the question after the crash")
    scene.touch("here")
    expect(answers(scene, "ines", "continue", reason="it is there now"), "accepted", "ines")
    scene.ends(0, "completed").trace("a")
    says(log_of(scene), "ines answered continue to held: it is there now")
    told = [each["message"] for each in {each["key"]: each for each in scene.told()}.values()]
    expect(told, ["held, asked: ", "held, asked: nobody has decided about this run"], "what was told")
    report = json.loads(scene.run("rbk", "report", scene.run_id(), "--format", "json").text)
    row = next(each for each in report["questions"] if each["kind"] == "held")
    expect([(each["who"], each["answer"]) for each in row["answers"]], [("ines", "continue")], "the report")


def a_hold_that_fails_again_asks_again(scene):
    held(scene, "ask lead within 60s else abort")
    first = about_the_run(scene)
    expect(answers(scene, "ines", "continue"), "accepted", "ines")
    second = other_than(scene, first)
    says(answers(scene, "ines", "abort", id=first["id"]), "the question that was meant is not open any more")
    expect(answers(scene, "ines", "ignore", id=second["id"]), "accepted", "ines waits")
    third = other_than(scene, second)
    expect(third["question"], "held", "asked again once `held at most` has passed again")
    expect(answers(scene, "ines", "cancel", id=third["id"]), "accepted", "ines gives up")
    scene.ends(40, "cancelled").trace()


def a_hold_is_aborted_by_who_is_asked(scene):
    """Behind a stage that stands: `cancel` is refused and leaves the question as it is."""
    scene.begin(plan(stage("a", tell("a")), stage("b", tell("b"), more='require "never" file.exists("never")'),
                     head=DBA + LEAD + "held at most 500ms else ask dba within 1s else ask 2 of dba, lead within 60s else cancel"),
                wait=True)
    first = about_the_run(scene)
    second = other_than(scene, first)
    says(second["text"], "2 of dba")
    says(answers(scene, "ines", "cancel"), "can be aborted, but not cancelled")
    expect(asked(scene)["id"], second["id"], "it is still asked")
    expect(answers(scene, "dirk", "ignore"), "accepted", "dirk")
    says(answers(scene, "dirk", "ignore"), "you have agreed already")
    expect(answers(scene, "dora", "abort"), "accepted", "dora wants something else")
    expect(asked(scene)["id"], second["id"], "and has to be two")
    expect(answers(scene, "dirk", "abort"), "accepted", "dirk, too")
    scene.ends(10, "aborted").trace("a", "back_a")


def a_hold_that_nobody_ends_takes_the_last_else(scene):
    """The runner is killed while the second is asked, whose time ends meanwhile."""
    held(scene, "ask dba within 1s else ask lead within 2s else cancel")
    first = about_the_run(scene)
    other_than(scene, first)
    killed(scene)
    time.sleep(2.2)
    scene.resume(wait=True).ends(40, "cancelled").trace()
    says(log_of(scene), "lead")


def a_pause_asks_and_a_command_of_anybody_ends_it(scene):
    scene.begin(plan(stage("a", tell("a") + 'wait until file.exists("go") every 50ms timeout 25s\n' + tell("more")),
                     head=DBA + LEAD + "held at most 1s else ask lead within 60s else abort"), wait=True)
    scene.until_traced("a")
    scene.say("pause")
    question = about_the_run(scene)
    says(question["text"], "it is paused", "a person asked for it")
    scene.say("continue")
    scene.until(lambda: not scene.look().get("questions"), "the question is closed")
    says(reply_to(scene, put(scene, "ines", body_of_closed(scene, question, "abort"))), "not open any more")
    scene.touch("go")
    scene.ends(0, "completed").trace("a", "more")


def body_of_closed(scene, question, answer):
    return {"answer": answer, "id": question["id"], "run": scene.run_id(),
            "machine": scene.ask("SELECT machine FROM runs WHERE id = ?", scene.run_id())[0][0]}


CASES = [a_doubt_is_put_to_others, a_doubt_that_nobody_knows_takes_the_last_else, an_abort_waits_for_all_who_may_know,
         a_doubt_outlives_a_pause, a_hold_asks_and_goes_on, a_hold_that_fails_again_asks_again,
         a_hold_is_aborted_by_who_is_asked, a_hold_that_nobody_ends_takes_the_last_else,
         a_pause_asks_and_a_command_of_anybody_ends_it]

if __name__ == "__main__":
    play(CASES)
