#!/usr/bin/env python3
"""People: who may answer what, once, and for which run; what is refused, why, and that the run loses nothing by
it; steps done by hand; doubt; and who is called when a run is stuck.

Other people than the test's own user answer by rows of the inbox, as `rbk serve` puts them there for its tokens.

    people_test.py [--keep] [CASE...]
"""

import json
import os
import signal
import subprocess
import time

from scene import HOOK, USER, expect, plan, play, stage, tell

DBA = f'role dba {{ contact "dba@example.com" members "{USER}", "dirk", "dora" }}\n'
LEAD = f'role lead {{ contact "lead@example.com" members "ines", "{USER}" }}\n'
# A gate that asks again when it was refused: so it shows that a run goes on.
GATE = "approve {who} within {within} else pause"


def gate(who="dba", within="60s", head=DBA + LEAD, **more):
    return plan(stage("a", tell("a"), more=GATE.format(who=who, within=within)), head=head, **more)


def body_of(scene, answer="yes", **changes):
    """What `people/ask.c` puts into the inbox; `changes` replace or, with None, remove keys."""
    body = {"answer": answer, "id": asked(scene)["id"], "run": scene.run_id(),
            "machine": scene.ask("SELECT machine FROM runs WHERE id = ?", scene.run_id())[0][0]}
    body.update(changes)
    return {key: value for key, value in body.items() if value is not None}


def put(scene, who, body, kind="answer", run=None):
    """A row in the inbox, and its number."""
    text = body if isinstance(body, str) else json.dumps(body)
    run = run or scene.run_id()
    scene.query("INSERT INTO inbox (run, at_ms, who, kind, body, reply) VALUES (?, 1, ?, ?, ?, '')",
                run, who, kind, text)
    with open(scene.path(f"state/runs/{run}/bell"), "ab") as bell:
        bell.write(b"!")
    return scene.ask("SELECT max(id) FROM inbox")[0][0]


def reply_to(scene, number):
    return scene.until(lambda: scene.ask("SELECT reply FROM inbox WHERE id = ?", number)[0][0], "a reply")


def answers(scene, who, answer="yes", **changes):
    """Somebody answers the question that is open; the runner's reply."""
    return reply_to(scene, put(scene, who, body_of(scene, answer, **changes)))


def asked(scene):
    """The question that is open."""
    return scene.until(lambda: scene.look().get("questions"), "a question")[0]


def says(text, *wanted):
    for each in wanted:
        if each not in text:
            raise AssertionError(f"{each!r} is not said in {text!r}")


def log_of(scene):
    return scene.run("rbk", "log", scene.run_id()).text.decode()


def who_decided(scene, what):
    """By whom, in the report."""
    report = json.loads(scene.run("rbk", "report", scene.run_id(), "--format", "json").out)
    return [each["who"] for each in report["decisions"] if each["what"] == what]


def finishes(scene):
    """The right people agree, and the run carries on."""
    expect(answers(scene, "dirk"), "accepted", "dirk's answer")
    scene.ends(0, "completed").trace("a")


# ---- refused answers --------------------------------------------------------------------------------

def denied(scene):
    """A no is a no, with name and reason; it is asked again, and the run carries on."""
    scene.begin(gate())
    first = asked(scene)
    scene.say("deny", first["question"], "--reason", "the backup is not there")
    scene.ends(30, "paused")
    says(log_of(scene), f"{USER}", "the backup is not there")
    scene.say("continue", "--no-wait")
    scene.resume()
    scene.until(lambda: asked(scene)["id"] != first["id"], "another asking")
    finishes(scene)


def expired(scene):
    """Silence takes the `else` once; what comes after it is refused and opens nothing."""
    scene.begin(gate(within="3s"))
    first = asked(scene)
    late = body_of(scene)
    scene.ends(30, "paused")
    done = scene.say("approve", f"{first['question']}@{first['id']}", status=1)
    says(done.text.decode(), "is not open any more")
    number = put(scene, "dirk", late)  # written before the end, taken after it
    scene.say("continue", "--no-wait")
    scene.resume()
    says(reply_to(scene, number), "not open any more")
    scene.until(lambda: asked(scene)["id"] != first["id"], "another asking")
    finishes(scene)
    # Once when it happened, once for who resumed it.
    expect(log_of(scene).count("not answered in time"), 2, "how often it was told that nobody answered")


def self_given(scene):
    """Under four eyes who started the run does not count, nor does who resumed it, nor their no."""
    scene.begin(gate("dba four eyes"), env={"RBK_TEST_SNAPSHOT_EVERY": "1"})
    question = asked(scene)["question"]
    for verb in ("approve", "deny"):
        done = scene.say(verb, question, status=1)
        says(done.text.decode(), "four eyes", "started or resumed", "it waits for dba (dirk, dora)")
    scene.process.send_signal(signal.SIGKILL)
    scene.process.wait()
    scene.resume()  # from a snapshot: it knows who started it
    scene.until(lambda: scene.look().get("runner"), "the new runner")
    done = scene.say("approve", asked(scene)["question"], status=1)
    says(done.text.decode(), "four eyes")
    finishes(scene)


def self_given_by_who_resumed_it(scene):
    """Who started the run is remembered by a snapshot, who took it over by the journal; a third one may answer. An
    approval that waited for a runner does not count for who becomes that runner."""
    if os.geteuid() != 0:
        return  # nobody else to become
    head = f'role dba {{ contact "dba@example.com" members "{USER}", "nobody", "dirk" }}\n'
    scene.begin(gate("dba four eyes", head=head), env={"RBK_TEST_SNAPSHOT_EVERY": "1"})
    body = body_of(scene)
    scene.process.send_signal(signal.SIGKILL)
    scene.process.wait()
    early = put(scene, "nobody", body)
    subprocess.run(["chown", "-R", "nobody", scene.folder], check=True)
    scene.process = scene.start("rbk", "resume", "--no-wait", stdout=scene.log, stderr=subprocess.STDOUT, user="nobody")
    scene.until(lambda: "by nobody" in log_of(scene), "nobody takes the run over")
    says(reply_to(scene, early), "four eyes", "it waits for dba (dirk)")
    question = asked(scene)
    for user in (USER, "nobody"):
        done = scene.run("rbk", "approve", scene.run_id(), question["question"], user=user)
        expect(done.status, 1, f"the approval of {user}: {done.text}")
        says(done.text.decode(), "four eyes", "it waits for dba (dirk)")
    finishes(scene)


def agreed_before_taking_over(scene):
    """Who agreed and takes the run over afterwards has agreed for nothing: two others are wanted."""
    if os.geteuid() != 0:
        return  # nobody else to become
    head = f'role dba {{ contact "dba@example.com" members "{USER}", "nobody", "dirk", "dora" }}\n'
    scene.begin(gate("2 of dba four eyes", head=head), env={"RBK_TEST_SNAPSHOT_EVERY": "1"})
    expect(answers(scene, "nobody"), "accepted", "the first")
    scene.process.send_signal(signal.SIGKILL)
    scene.process.wait()
    subprocess.run(["chown", "-R", "nobody", scene.folder], check=True)
    scene.process = scene.start("rbk", "resume", "--no-wait", stdout=scene.log, stderr=subprocess.STDOUT, user="nobody")
    scene.until(lambda: "by nobody" in log_of(scene), "nobody takes the run over")
    expect(answers(scene, "dirk"), "accepted", "the second, and the first that counts")
    says(answers(scene, "dirk"), "you have agreed already", "1 more of dba", "dora")
    expect(answers(scene, "dora"), "accepted", "the third")
    scene.ends(0, "completed").trace("a")


def twice_given(scene):
    """The same person is one person, before and after a crash; who is still wanted is said."""
    scene.begin(gate("2 of dba"))
    expect(answers(scene, "dirk"), "accepted", "the first")
    says(answers(scene, "dirk"), "you have agreed already", "1 more of dba", "dora")
    says(asked(scene)["text"], "2 of dba", "agreed: dirk")
    scene.process.send_signal(signal.SIGKILL)
    scene.process.wait()
    scene.resume()
    says(answers(scene, "dirk"), "you have agreed already")
    scene.say("approve", asked(scene)["question"])
    scene.ends(0, "completed").trace("a")


def late(scene):
    """An answer to a question that was answered meets nothing, not even the same gate of another stage."""
    scene.begin(plan(stage("a", tell("a"), more=GATE.format(who="dba", within="60s")),
                     stage("b", tell("b"), more=GATE.format(who="dba", within="60s")), head=DBA))
    first = body_of(scene)
    expect(reply_to(scene, put(scene, "dirk", first)), "accepted", "the answer")
    scene.until_traced("a")
    scene.until(lambda: asked(scene)["id"] != first["id"], "the second gate")
    says(reply_to(scene, put(scene, "dora", first)), "not open any more")
    expect(scene.trace(), ["a"], "the order")
    expect(answers(scene, "dora"), "accepted", "the second gate")
    scene.ends(0, "completed").trace("a", "b")


def forged_by_another_user(scene):
    """A name that no role lists is refused, whatever it says of itself."""
    scene.begin(gate())
    for who in ("mallory", "Dirk", "dirk ", "", "dba", "uid 0"):
        says(answers(scene, who), "you do not speak for any role", f"dba ({USER}, dirk, dora)")
    says(answers(scene, "mallory", roles=["dba"]), "you do not speak for any role")
    says(answers(scene, "dirk", roles=["lead"]), "you do not speak for any role")
    says(answers(scene, "dirk", roles=[]), "you do not speak for any role")
    expect(asked(scene)["text"].count("agreed"), 0, "agreed")
    expect(answers(scene, "dirk", roles=["lead", "dba"]), "accepted", "a token of dirk's for both")
    scene.ends(0, "completed").trace("a")


def forged_for_another_run(scene):
    """An answer for one run, put into the inbox of another one of the same plan that asks the very same."""
    scene.begin(gate(), name="one.rbk")
    asked(scene)
    body = body_of(scene)
    one, first = scene.run_id(), scene.process
    scene.begin(gate(), name="two.rbk")
    runs = scene.until(lambda: (lambda found: found if len(found) == 2 else None)(
        [each for each, in scene.ask("SELECT id FROM runs")]), "two runs")
    two = next(each for each in runs if each != one)

    def question():
        done = scene.run("rbk", "status", two, "--json")
        return (json.loads(done.out).get("questions") or [None])[0] if done.status == 0 else None
    expect(scene.until(question, "the question of the second run")["id"], body["id"], "the serial")
    says(reply_to(scene, put(scene, "dirk", body, run=two)), "another run")
    says(reply_to(scene, put(scene, "dirk", {**body, "run": None}, run=two)), "does not understand")
    says(reply_to(scene, put(scene, "dirk", {**body, "run": two}, run=one)), "another run")
    expect(scene.trace(), [], "the order")
    expect(reply_to(scene, put(scene, "dirk", {**body, "run": two}, run=two)), "accepted", "the right one")
    scene.ends(0)
    expect(reply_to(scene, put(scene, "dirk", body, run=one)), "accepted", "the right one of the first")
    expect(first.wait(20), 0, "the first run")


def forged_for_another_digest(scene):
    """An approval of another version of the plan is none of this one."""
    scene.begin(gate())
    digest = body_of(scene)["machine"]
    for machine in ("0" * 64, digest[:-1] + ("0" if digest[-1] != "0" else "1"), digest[:10], "", None):
        says(answers(scene, "dirk", machine=machine), "another version of the plan")
    finishes(scene)


def forged_with_more_than_is_understood(scene):
    """A body that was edited to carry more is refused whole, and so is one whose parts are of other types."""
    scene.begin(gate("2 of dba"))
    good = body_of(scene)
    for change in ({"seats": 7}, {"who": "dora"}, {"own": False}, {"four_eyes": False}, {"command": "abort"},
                   {"id": str(good["id"])}, {"id": good["id"] + 0.5}, {"id": True}, {"roles": "dba"},
                   {"roles": {"dba": 1}}, {"answer": 1}, {"answer": ["yes"]}, {"reason": 7}, {"run": 1}):
        says(reply_to(scene, put(scene, "dirk", {**good, **change})), "does not understand")
    for body, why in (({**good, "roles": [1]}, "roles are names"), ({**good, "id": 0}, "which question"),
                      ({**good, "id": -1}, "which question"), ({**good, "id": 2 ** 40}, "which question"),
                      ({**good, "id": good["id"] + 1}, "not open any more"), ({**good, "answer": "maybe"}, "no such answer"),
                      ({**good, "answer": "done"}, "it takes yes or no"),
                      ([good], "no JSON object"), ("yes", "no JSON object"),
                      (json.dumps(good)[:-1] + ', "answer": "yes"}', "no JSON object")):
        says(reply_to(scene, put(scene, "dirk", body)), why)
    says(reply_to(scene, put(scene, "dirk", good, kind="Answer")), "no such kind")
    says(asked(scene)["text"], "2 of dba")
    expect("agreed" in asked(scene)["text"], False, "agreed")
    expect(answers(scene, "dora"), "accepted", "dora's answer")
    finishes(scene)


# ---- how many, and who ------------------------------------------------------------------------------

def two_roles_take_two_people_under_four_eyes(scene):
    scene.begin(gate("dba, lead four eyes", head=DBA + LEAD.replace('"ines"', '"dirk", "ines"')))
    expect(answers(scene, "dirk"), "accepted", "dirk, of both roles")
    says(answers(scene, "dirk"), "you have agreed already", "dora", "ines")
    expect(answers(scene, "dora"), "accepted", "dora")
    scene.ends(0, "completed").trace("a")


def attest_says_yes_only_to_what_is_to_be_attested(scene):
    scene.begin(plan(stage("a", tell("a"), more=GATE.format(who="dba", within="60s")),
                     head=DBA + 'attest "the snapshot is restored" by 2 of dba within 60s else cancel'))
    question = asked(scene)
    says(question["commands"][0], "rbk attest")
    scene.say("attest", question["question"])
    says(scene.say("attest", question["question"], status=1).text.decode(), "1 more of dba (dirk, dora)")
    expect(answers(scene, "dirk"), "accepted", "dirk")
    scene.until(lambda: asked(scene)["id"] != question["id"], "the gate")
    says(scene.say("attest", asked(scene)["question"], status=1).text.decode(), "to attest is open")
    scene.say("attest", status=1)
    scene.say("approve")
    scene.ends(0, "completed").trace("a")


def a_trigger_waits_for_two_people(scene):
    scene.begin(plan(stage("a", tell("a") + 'wait until file.exists("never") every 50ms timeout 60s\n'),
                     head=DBA + """
        probe bad = file.exists("bad") every 200ms
        trigger bad when bad == true then abort with approval of 2 of dba four eyes within 30s else pause
        """))
    scene.until_traced("a")
    scene.touch("bad")
    says(asked(scene)["text"], "2 of dba", "four eyes")
    says(scene.say("approve", status=1).text.decode(), "four eyes", "dirk, dora")
    expect(answers(scene, "dora"), "accepted", "dora")
    says(answers(scene, "dora"), "you have agreed already", "1 more of dba (dirk)")
    expect(answers(scene, "dirk"), "accepted", "dirk")
    scene.ends(10, "aborted").trace("a", "back_a")
    expect(who_decided(scene, "trigger.bad: yes"), ["dora, dirk"], "who decided")


def two_people_must_want_the_same(scene):
    scene.begin(plan(stage("a", tell("a") + 'wait until file.exists("never") every 50ms timeout 60s\n'),
                     head=DBA + """
        probe bad = file.exists("bad") every 200ms
        trigger bad when bad == true then ask 2 of dba within 30s else pause
        """))
    scene.until_traced("a")
    scene.touch("bad")
    expect(answers(scene, "dora", "ignore"), "accepted", "dora ignores")
    says(asked(scene)["text"], "ignore, says dora")
    expect(answers(scene, "dirk", "abort"), "accepted", "dirk aborts")
    says(asked(scene)["text"], "abort, says dirk")
    says(answers(scene, "dirk", "abort"), "you have agreed already")
    expect(answers(scene, "dora", "abort"), "accepted", "dora, too")
    scene.ends(10, "aborted").trace("a", "back_a")
    expect(who_decided(scene, "trigger.bad: abort"), ["dirk, dora"], "who decided")


def a_question_is_put_to_others(scene):
    """After a no, and after silence; forward and on the way back; each has its own number."""
    scene.begin(plan(stage("a", tell("a") + 'run "false" timeout 5s idempotent', within="1h", back="1h",
                           more="approve dba within 60s else ask lead within 60s else pause",
                           rollback='manual "Put it back" by dba within 1s else ask lead within 60s else abort\n'
                                    + tell("back_a")), head=DBA + LEAD))
    first = asked(scene)
    says(answers(scene, "ines"), "you do not speak for any role")
    expect(answers(scene, "dirk", "no"), "accepted", "dirk says no")
    second = scene.until(lambda: (lambda each: each if each["id"] != first["id"] else None)(asked(scene)), "another asking")
    expect(second["question"], "a.approve.1.other", "its name")
    says(second["text"], "lead")
    says(answers(scene, "dirk"), "you do not speak for any role", "lead (ines")
    expect(answers(scene, "ines"), "accepted", "ines says yes")
    scene.until_traced("a")
    third = scene.until(lambda: next((each for each in scene.look().get("questions", [])
                                      if each["question"] == "a.rollback.1.other"), None), "the other one")
    says(third["text"], "Put it back", "lead")
    expect(answers(scene, "ines", "done"), "accepted", "ines did it")
    scene.ends(30, "held").trace("a", "back_a")


# ---- by hand ----------------------------------------------------------------------------------------

def by_hand(*steps, more=""):
    return plan(stage("a", "\n".join(steps) + "\n" + tell("a"), within="1h", back="10m",
                      rollback='manual "Put the old name back" by lead within 5m else abort\n' + tell("back_a")),
                head=DBA + LEAD + more)


def done_by(scene, who, what, answer="done", reason=None):
    """Somebody answers the manual step whose text is `what`."""
    def find():
        return next((each for each in scene.look().get("questions", []) if what in each["text"]), None)
    question = scene.until(find, f"to be asked: {what}")
    says(question["text"], "to do by hand")
    says(question["commands"][0], f"rbk answer {scene.run_id()} {question['question']}@{question['id']} done")
    says(question["commands"][1], f"{question['question']}@{question['id']} not-done")
    expect(reply_to(scene, put(scene, who, body_of(scene, answer, id=question["id"], reason=reason))), "accepted", what)
    return question


def a_checklist_is_gone_through_by_hand(scene):
    """One after the other, for each of a list, and side by side; each with who did it, when, and what was said."""
    scene.begin(by_hand('manual "Set www to the new address" by lead within 5m else abort',
                        'foreach n in ["east", "west"] { manual "Switch ${n} over" by dba within 5m else abort }',
                        'parallel { manual "Tell support" by lead within 5m else abort\n'
                        '           manual "Tell the press" by dba within 5m else abort }'))
    done_by(scene, "ines", "Set www to the new address", reason="ticket 4711")
    done_by(scene, "dirk", "Switch east over")
    scene.process.send_signal(signal.SIGKILL)
    scene.process.wait()
    scene.resume()
    done_by(scene, "dora", "Switch west over")
    done_by(scene, "dirk", "Tell the press")  # in any order
    says(answers(scene, "dirk", "done"), "you do not speak for any role", "lead (ines")
    scene.say("answer", asked(scene)["question"], "done", "--reason", "called them")
    scene.ends(0, "completed").trace("a")
    log = log_of(scene)
    says(log, "ines answered done to a.apply.1", "ticket 4711", "Switch east over", "dora answered done",
         f"{USER} answered done", "called them")
    people = scene.look()["people"]
    expect([(each["who"], each["said"]) for each in people],
           [("ines", "done"), ("dirk", "done"), ("dora", "done"), ("dirk", "done"), (USER, "done")], "who did what")
    says(people[0]["about"], "a.apply.1", "Set www to the new address")
    says(people[1]["about"], "Switch east over")
    expect(people[0]["reason"], "ticket 4711", "the reason")
    expect(people[0]["at"] <= people[4]["at"], True, "when")
    says(scene.run("rbk", "status", scene.run_id()).text.decode(), "ines", "ticket 4711", "Switch west over", "called them")


def what_could_not_be_done_by_hand_takes_the_else(scene):
    """not-done is a no: the else, and the way back is gone through by hand, too."""
    scene.begin(by_hand('manual "Set www to the new address" by lead within 5m else abort'))
    says(scene.say("approve", asked(scene)["question"], status=1).text.decode(), "it takes done or not-done")
    done_by(scene, "ines", "Set www to the new address", "not-done", reason="the provider is down")
    done_by(scene, "ines", "Put the old name back")
    scene.ends(10, "aborted").trace("back_a")
    says(log_of(scene), "ines answered not-done to a.apply.1", "the provider is down")


def silence_by_hand_takes_the_else(scene):
    scene.begin(by_hand('manual "Set www to the new address" by lead within 1s else abort'))
    done_by(scene, "ines", "Put the old name back")
    scene.ends(10, "aborted").trace("back_a")


def a_manual_step_needs_other_eyes(scene):
    """`four eyes` on a step by hand: who runs the plan does not say that it is done."""
    scene.begin(by_hand('manual "Set www to the new address" by lead four eyes within 5m else abort'))
    says(scene.say("answer", asked(scene)["question"], "done", status=1).text.decode(), "four eyes", "lead (ines)")
    done_by(scene, "ines", "Set www to the new address")
    scene.ends(0, "completed").trace("a")


def what_was_done_by_hand_shows_itself(scene):
    """`done when`: nobody has to say so; a new runner goes on looking, and the report tells what was seen."""
    scene.begin(by_hand('manual "Put the file there" by lead within 5m else abort\n'
                        'done when file.exists("there") and file.size("there") > 2B every 50ms',
                        'manual "Nothing to do" by lead within 5m else abort done when file.exists("there")'))
    question = asked(scene)
    says(question["text"], "to do by hand: Put the file there", "or done when file.exists", "asked: lead")
    scene.write("there", "x")
    scene.process.send_signal(signal.SIGKILL)
    scene.process.wait()
    scene.resume()
    expect(asked(scene)["id"], question["id"], "the question, by the new runner")
    scene.write("there", "xyz")
    scene.ends(0, "completed").trace("a")
    says(log_of(scene), "Put the file there", "it is done, by what was looked for", "file.size")
    expect(scene.look().get("people", []), [], "who said something")
    report = json.loads(scene.run("rbk", "report", scene.run_id(), "--format", "json").out)
    expect([each["result"] for each in report["questions"]], ["done, by what was looked for"] * 2, "the results")


def what_never_shows_itself_takes_the_else(scene):
    """A look that finds nothing, or cannot look, leaves the question as it is: somebody says so, or nobody does."""
    scene.begin(by_hand('manual "Put the file there" by lead within 5m else abort\n'
                        'done when int(run.output("cat number")) > 3 every 50ms',
                        'manual "And another" by lead within 1s else abort done when file.exists("no")'))
    done_by(scene, "ines", "Put the file there")
    done_by(scene, "ines", "Put the old name back")
    scene.ends(10, "aborted").trace("back_a")


def who_was_at_it_is_asked_before_it_is_taken_back(scene):
    """`in doubt` by hand: an abort waits until somebody says that nobody is at it any more; silence is a doubt, too."""
    scene.begin(by_hand('manual "Set the first switch" by lead within 1s else abort in doubt ask dba within 5m else abort',
                        'manual "Set the second switch" by lead within 5m else abort in doubt ask dba within 5m else abort\n'
                        'done when file.exists("no") every 50ms'))
    question = scene.until(lambda: next((each for each in scene.look().get("questions", []) if each["kind"] == "doubt"), None),
                           "a doubt")
    says(question["text"], "did it happen?", "Set the first switch", "asked: dba")
    scene.say("resolve", question["question"], "done", "--reason", "it is on")
    scene.until(lambda: any("second switch" in each["text"] for each in scene.look().get("questions", [])), "the second")
    scene.say("abort")
    question = scene.until(lambda: next((each for each in scene.look().get("questions", []) if each["kind"] == "doubt"), None),
                           "another doubt")
    expect(scene.trace(), [], "nothing was taken back")
    scene.process.send_signal(signal.SIGKILL)
    scene.process.wait()
    scene.resume()
    expect(asked(scene)["id"], question["id"], "the question, by the new runner")
    scene.say("resolve", question["question"], "not-done", "--reason", "I had not begun")
    done_by(scene, "ines", "Put the old name back")
    scene.ends(10, "aborted").trace("back_a")
    says(log_of(scene), "it is on", "I had not begun")


def a_run_is_left_while_it_is_looked_for(scene):
    """Ctrl-C and --no-wait end the runner; what happened meanwhile is seen by the next one."""
    scene.begin(by_hand('manual "Put the file there" by lead within 5m else abort done when file.exists("there") every 50ms'))
    asked(scene)
    scene.process.send_signal(signal.SIGINT)
    scene.ends(30, "paused")
    scene.write("there", "x")
    scene.resume()
    scene.ends(0, "completed").trace("a")


# ---- doubt ------------------------------------------------------------------------------------------

def doubtful(scene, rule="in doubt ask lead four eyes within 5m else abort", **more):
    """A request whose server says that it failed inside: nobody can know whether it happened."""
    scene.begin(plan(stage("a", tell("a") + f'http POST "{scene.web.url}/status/500/{scene.name}" {rule} timeout 20s\n' + tell("more")),
                     head=DBA + LEAD), **more)
    question = asked(scene)
    expect(question["kind"], "doubt", "the kind")
    says(question["text"], "did it happen?")
    return question


def resolve(scene, who, answer, question, **changes):
    body = {"command": "resolve", "stage": question["question"], "id": question["id"], "answer": answer,
            "reason": "looked at it", "run": scene.run_id(), **changes}
    return reply_to(scene, put(scene, who, {key: value for key, value in body.items() if value is not None}, "command"))


def doubt_is_resolved_by_who_is_asked(scene):
    question = doubtful(scene)
    name = question["question"]
    says(question["commands"][0], f"rbk resolve {scene.run_id()} {name}@{question['id']} done --reason")
    for words in ([], ["--reason", ""], ["--reason", " "]):
        says(scene.say("resolve", name, "done", *words, status=2).text.decode(), "--reason TEXT is missing")
    scene.say("resolve", name, "perhaps", "--reason", "x", status=2)
    says(scene.say("resolve", name, "done", "--reason", "x", status=1).text.decode(), "four eyes", "lead (ines)")
    says(resolve(scene, "dirk", "done", question), "you do not speak for any role", "lead (ines")
    says(resolve(scene, "ines", "done", question, reason=None), "say how you know")
    says(resolve(scene, "ines", "done", question, id=None), "which question")
    says(resolve(scene, "ines", "done", question, id=question["id"] + 5), "another one is now")
    says(resolve(scene, "ines", "yes", question), "done or not-done")
    expect(resolve(scene, "ines", "done", question), "accepted", "ines")
    scene.ends(0, "completed").trace("a", "more")
    says(log_of(scene), f"ines resolved {name} as done: looked at it")
    people = scene.look()["people"]
    expect([(each["who"], each["said"], each["reason"]) for each in people], [("ines", "done", "looked at it")], "status")
    says(scene.run("rbk", "status", scene.run_id()).text.decode(), "looked at it", name)


def doubt_resolved_as_not_done_is_done_again(scene):
    first = doubtful(scene, "in doubt ask dba within 5m else abort")
    scene.say("resolve", first["question"], "not-done", "--reason", "the other side never saw it")
    scene.until(lambda: asked(scene)["id"] != first["id"], "it is asked again")
    expect(len(scene.web.got(f"/status/500/{scene.name}")), 2, "how often it was sent")
    scene.say("resolve", first["question"], "done", "--reason", "now it did")
    scene.ends(0, "completed").trace("a", "more")
    says(log_of(scene), "as not-done: the other side never saw it", "as done: now it did")


# ---- stuck, and who is called -----------------------------------------------------------------------

def stuck(scene, lead, boss, **more):
    """A stage whose way back fails until `mended` is there, and three who are called."""
    roles = "".join(f'role {each} {{ contact "{each}@example.com" members "{USER}" }}\n' for each in ("dba", "lead", "boss"))
    return scene.begin(plan(stage("a", tell("a") + 'run "false" timeout 5s idempotent',
                                  rollback='run "test -e mended" timeout 5s idempotent\n' + tell("back_a")),
                            head=HOOK + roles + f"""
        escalate stuck to dba, then lead after {lead}, then boss after {boss}
        on stuck {{ notify incident "stuck" }}
        """, use="use std.http"), env={"HOOK": scene.hook()}, wait=True, **more)


def called(scene):
    """Who was called, in order, by the messages that arrived; one sent twice has the same key."""
    texts = {each["key"]: each["message"] for each in scene.told()}.values()
    return [text.split(" ")[0] for text in texts if "is stuck and needs a person" in text]


def until_due(scene, seconds):
    """Wait for the instant that lies so long after the first call, which is counted from when it got stuck."""
    first = scene.ask("SELECT min(at_ms) FROM outbox WHERE text LIKE '%is stuck and needs a person%'")[0][0]
    scene.until(lambda: time.time() * 1000 > first + seconds * 1000, f"{seconds} s after the first call")


def body_of_pause(scene):
    machine = scene.ask("SELECT machine FROM runs WHERE id = ?", scene.run_id())[0][0]
    return {"command": "pause", "run": scene.run_id(), "machine": machine}


def until_called(scene, *wanted):
    scene.until(lambda: len(called(scene)) >= len(wanted), f"{wanted[-1]} called")
    expect(called(scene), list(wanted), "who was called")


def escalation_goes_on_until_all_were_called(scene):
    """Over a kill -9 each is called once, at the time counted from the moment it got stuck; then the runner ends."""
    stuck(scene, "2s", "3s")
    until_called(scene, "dba")
    scene.process.send_signal(signal.SIGKILL)
    scene.process.wait()
    scene.resume(wait=True)
    until_called(scene, "dba", "lead")
    scene.process.send_signal(signal.SIGKILL)
    scene.process.wait()
    until_due(scene, 3)  # nobody lives then
    scene.resume(wait=True).ends(20, "stuck")
    expect(called(scene), ["dba", "lead", "boss"], "who was called")
    scene.touch("mended")
    scene.say("retry", "--no-wait")
    scene.resume().ends(30, "held").trace("a", "back_a")


def escalation_ends_when_somebody_answers(scene):
    """Whatever is accepted from a person ends it; what is refused does not. A new runner calls nobody either."""
    stuck(scene, "3s", "4s")
    until_called(scene, "dba")
    scene.say("pause", status=1)
    scene.say("resolve", "a", "not-done", status=2)
    scene.say("resolve", "a", "not-done", "--reason", "I am looking at it")
    says(log_of(scene), "nobody further is called", "I am looking at it")
    scene.process.send_signal(signal.SIGKILL)
    scene.process.wait()
    scene.resume(wait=True)
    until_due(scene, 3)
    for _ in range(2):  # two turns of the runner after the instant: it would have written the call by now
        expect(reply_to(scene, put(scene, USER, body_of_pause(scene), kind="command")) != "accepted", True, "a pause")
    expect(scene.ask("SELECT count(*) FROM outbox WHERE text LIKE '%is stuck and needs a person%'"), [(1,)], "calls")
    expect(called(scene), ["dba"], "who was called")
    expect(scene.process.poll(), None, "the runner waits for who is on it")
    scene.say("retry")  # in vain: it begins anew
    until_called(scene, "dba", "dba")
    scene.touch("mended")
    scene.say("retry")
    scene.until_status("held")
    scene.say("abort")
    scene.ends(10, "aborted").trace("a", "back_a")


CASES = [denied, expired, self_given, self_given_by_who_resumed_it, agreed_before_taking_over,
         twice_given, late, forged_by_another_user, forged_for_another_run,
         forged_for_another_digest, forged_with_more_than_is_understood, two_roles_take_two_people_under_four_eyes,
         attest_says_yes_only_to_what_is_to_be_attested, a_trigger_waits_for_two_people, two_people_must_want_the_same,
         a_question_is_put_to_others,
         a_checklist_is_gone_through_by_hand, what_could_not_be_done_by_hand_takes_the_else, silence_by_hand_takes_the_else,
         a_manual_step_needs_other_eyes, what_was_done_by_hand_shows_itself, what_never_shows_itself_takes_the_else,
         who_was_at_it_is_asked_before_it_is_taken_back, a_run_is_left_while_it_is_looked_for, doubt_is_resolved_by_who_is_asked, doubt_resolved_as_not_done_is_done_again,
         escalation_goes_on_until_all_were_called, escalation_ends_when_somebody_answers]

if __name__ == "__main__":
    play(CASES)
