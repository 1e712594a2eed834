#!/usr/bin/env python3
"""The life of a stage and of a run, in small plans that are run for real: order and gates, locks, hooks, what people
may say, runners that die, ways back, and every exit status. What triggers do is in triggers_test.py.

    stages_test.py [--keep] [CASE...]
"""

import json
import os
import re
import signal
import time

from scene import CHECK, FAIL, HOOK, OPS, STRANGER, USE, USER, expect, hold, plan, play, stage, tell, trigger


# ---- order ------------------------------------------------------------------------------------------

def stages_wait_for_those_they_name(scene):
    meet = 'shell "touch {0}" timeout 5s idempotent\nwait until file.exists("{1}") every 50ms timeout 15s\n'
    scene.begin(plan(stage("a", meet.format("a", "b") + 'shell "date +%s%N > a_done" timeout 5s idempotent\n'),
                     stage("b", meet.format("b", "a"), more="after nothing"),
                     stage("c", 'shell "date +%s%N > c_began" timeout 5s idempotent\n' + tell("c"),
                           more="after a, b for 1s"),
                     stage("d", tell("d"))).replace(CHECK, 'check "a began" file.exists("a")')).ends(0, "completed")
    scene.trace("c", "d")
    apart = int(scene.read("c_began")) - int(scene.read("a_done"))
    expect(apart >= 1_000_000_000, True, f"`for 1s` took {apart} ns")


def not_before_waits(scene):
    scene.begin(plan(stage("a", tell("a"), more='not before 2020-01-01 06:00 "UTC"'),
                     stage("b", tell("b"), more='not before 2099-01-01 06:00 "+01:00"')))
    scene.until(lambda: any(each["stage"] == "a" and each["applied"] for each in scene.look().get("stages", [])), "a stands applied")
    scene.say("abort")
    scene.ends(10, "aborted").trace("a", "back_a")


def a_window_that_is_shut_waits(scene):
    begin = time.strftime("%H:%M", time.gmtime(time.time() + 7200))
    end = time.strftime("%H:%M", time.gmtime(time.time() + 10800))
    scene.begin(plan(stage("a", tell("a"), more=f'window {begin} to {end} "UTC"')))
    scene.until_status("running")
    scene.say("cancel")
    scene.ends(40, "cancelled")
    expect(scene.trace(), [], "nothing was done")


def attempts_try_again(scene):
    scene.begin(plan(stage("a", tell("a") + 'shell "test $(grep -cx a trace) -ge 3" timeout 5s idempotent\n',
                           more="attempts 3 every 200ms"))).ends(0, "completed")
    scene.trace("a", "back_a", "a", "back_a", "a")


def rollbacks_go_backwards(scene):
    scene.begin(plan(stage("a", tell("a")), stage("b", tell("b"), more="after nothing"),
                     stage("c", tell("c") + FAIL, more="after a, b")))
    scene.ends(30, "held")
    scene.say("abort", "--no-wait")
    scene.resume().ends(10, "aborted")
    trace = scene.trace()
    expect(trace[2:4], ["c", "back_c"], "what failed goes back first")
    expect(trace[4:], ["back_b", "back_a"], "then the others; the apply of b began last")


def a_block_ends_with_its_within(scene):
    scene.begin(plan(stage("a", tell("a") + 'wait until file.exists("never") every 100ms\n', within="1s",
                           more='allow RBK110 because "the block is what ends it"')))
    scene.ends(30, "held").trace("a", "back_a")


# ---- gates, before the first stage ------------------------------------------------------------------

def gates_come_in_order(scene):
    scene.begin(plan(stage("a", tell("a"), more="""
        require "there is a go" file.exists("go") retry 100 every 50ms timeout 20s
        approve ops, lead within 30s else abort
        attest "all is well" by ops within 30s else abort
        prepare within 20s { let x = run.output("sh -c 'echo prepared >> trace; echo 1'") timeout 5s }
        """), head=OPS + OPS.replace("ops", "lead")))
    scene.touch("go")
    first = scene.question()
    scene.say("approve", first)
    second = scene.question()
    if second == first:
        scene.say("approve", first)
    scene.given.add(first)
    scene.until(lambda: scene.process.poll() is not None or any(
        each["question"] not in scene.given for each in scene.look().get("questions", [])), "the attest")
    scene.answer("yes")
    scene.ends(0).trace("prepared", "a")


def a_denied_gate_aborts(scene):
    scene.begin(plan(stage("a", tell("a")), stage("b", tell("b"), more="approve ops within 30s else abort"),
                     head=OPS))
    scene.say("deny", scene.question())
    scene.ends(10, "aborted").trace("a", "back_a")


def a_late_answer_meets_no_other_question(scene):
    """The gate expires, the run is paused, and when it goes on the same gate is asked anew."""
    scene.begin(plan(stage("a", tell("a"), more="approve ops within 1s else pause"), head=OPS))
    name = scene.question()
    first = scene.look()["questions"][0]["id"]
    scene.ends(30, "paused")
    scene.say("approve", name, status=1)
    scene.say("continue", "--no-wait")
    bound = {"run": scene.run_id(), "machine": scene.ask("SELECT machine FROM runs")[0][0]}
    for body in ({"answer": "yes", "id": first}, {"answer": "yes"}):
        scene.query("INSERT INTO inbox (run, at_ms, who, kind, body, reply) VALUES (?, 1, ?, 'answer', ?, '')",
                    scene.run_id(), USER, json.dumps(body | bound))
    scene.resume()
    scene.until(lambda: "" not in [reply for reply, in scene.ask("SELECT reply FROM inbox")], "replies")
    replies = [reply for reply, in scene.ask("SELECT reply FROM inbox WHERE kind = 'answer' ORDER BY id")]
    expect(replies, ["the question that was meant is not open any more", "say which question it answers"], "the replies")
    done = scene.say("approve", f"{name}@{first}", status=1)
    expect("is not open any more" in done.text.decode(), True, done)
    for words in ("name@", "@x", "@0", "@99999999999"):
        scene.say("approve", words, status=2)
    scene.ends(30, "paused")
    scene.say("continue", "--no-wait")
    scene.resume()
    second = scene.until(lambda: scene.look().get("questions"), "the third asking")[0]
    expect(second["commands"][0].endswith(f"{name}@{second['id']}"), True, second)
    scene.say("approve", f"{name}@{second['id']}")
    scene.ends(0, "completed").trace("a")


def silence_cancels_before_anything(scene):
    scene.begin(plan(stage("a", tell("a")), head=OPS + '\nattest "ready" by ops within 1s else cancel'))
    scene.ends(40, "cancelled")
    expect(scene.trace(), [], "nothing was done")


def a_gate_of_others_is_not_ours(scene):
    scene.begin(plan(stage("a", tell("a"), more="approve stranger within 5s else cancel"), head=STRANGER))
    name = scene.question()
    scene.say("approve", name, status=1)
    scene.ends(40, "cancelled")


def a_require_holds_the_run(scene):
    scene.begin(plan(stage("a", tell("a")), head='require "it is there" file.exists("there") timeout 5s'))
    scene.ends(30, "held")
    scene.touch("there")
    scene.say("retry", "--no-wait")
    scene.resume().ends(0, "completed").trace("a")


# ---- locks ------------------------------------------------------------------------------------------

LOCK = f"""lock deploys {{
    acquire within 10s {{ {tell("acquire")} }}
    release within 10s {{ {tell("release")} }}
}}
"""


def a_lock_is_released_when_completed(scene):
    scene.begin(plan(stage("a", tell("a")), head=LOCK)).ends(0, "completed")
    scene.trace("acquire", "a", "release")


def a_lock_is_released_when_aborted(scene):
    scene.begin(plan(stage("a", tell("a") + hold("never")), head=LOCK))
    scene.until_traced("a")
    scene.say("abort", "--reason", "the test")
    scene.ends(10, "aborted").trace("acquire", "a", "back_a", "release")


def a_lock_is_released_when_cancelled(scene):
    scene.begin(plan(stage("a", tell("a"), more="approve ops within 1s else cancel"), head=OPS + LOCK))
    scene.ends(40, "cancelled").trace("acquire", "release")


def a_lock_not_acquired_holds_and_is_released(scene):
    scene.begin(plan(stage("a", tell("a")), head=LOCK.replace('lock deploys {', 'lock deploys {').replace(
        tell("acquire"), tell("acquire") + FAIL))).ends(30, "held")
    scene.say("cancel", "--no-wait")
    scene.resume().ends(40, "cancelled").trace("acquire", "release")


# ---- hooks, escalation ------------------------------------------------------------------------------

HOOKS = "".join(f'on {name} {{ notify incident "hook {name}" }}\n'
                for name in ("start", "pause", "hold", "abort", "stage", "stuck", "aborted", "completed"))


def hooks_tell_of_an_abort(scene):
    scene.begin(plan(stage("a", tell("a")), stage("b", tell("b") + hold() + FAIL), head=HOOK + HOOKS, use=USE),
                env=scene.hooked(), wait=True)
    scene.until_traced("b")
    scene.say("pause")
    scene.until_status("paused")
    scene.say("continue")
    scene.touch("go")
    scene.until_status("held")
    scene.say("abort")
    scene.ends(10, "aborted").trace("a", "b", "back_b", "back_a")
    expect(scene.texts(), ["hook start", "hook stage", "hook pause", "hook hold", "hook abort", "hook aborted"],
           "the hooks")


def hooks_tell_of_the_end(scene):
    scene.begin(plan(stage("a", tell("a")), head=HOOK + HOOKS, use=USE), env=scene.hooked()).ends(0)
    scene.until(lambda: len(scene.texts()) == 3, "three messages")
    expect(scene.texts(), ["hook start", "hook stage", "hook completed"], "the hooks")


def reports_come_again_and_again(scene):
    scene.begin(plan(stage("a", tell("a") + hold()), use=USE,
                     head=HOOK + 'report to incident every 300ms "still ${run.status}: ${run.stage}"'),
                env=scene.hooked())
    scene.until(lambda: scene.texts().count("still running: a") >= 2, "two reports")
    scene.touch("go")
    scene.ends(0)


STUCK = 'shell "echo try >> trace; test -e mended" timeout 5s idempotent\n'


def stuck_escalates_and_is_resolved(scene):
    scene.begin(plan(stage("a", tell("a")), stage("b", tell("b") + hold(), rollback=STUCK), use=USE, head=HOOK + OPS
                     + OPS.replace("ops", "lead") + "escalate stuck to ops, then lead after 1s\n" + HOOKS),
                env=scene.hooked(), wait=True)
    scene.until_traced("b")
    scene.say("abort")
    scene.until_status("stuck")
    scene.until(lambda: sum("lead" in text for text in scene.texts()) >= 1, "the escalation's second step")
    expect(any("ops" in text for text in scene.texts()) and "hook stuck" in scene.texts(), True, f"{scene.texts()}")
    scene.ends(20, "stuck")  # nobody is left to be told
    scene.say("resolve", "b", "done", "--reason", "by hand", "--no-wait")
    scene.resume().ends(10, "aborted").trace("a", "b", "try", "back_a")


def stuck_ends_with_20_and_is_tried_again(scene):
    scene.begin(plan(stage("a", tell("a")), stage("b", tell("b") + FAIL, rollback=STUCK)))
    scene.ends(20, "stuck")
    scene.touch("mended")
    scene.say("retry", "b", "--no-wait")
    scene.resume().ends(30, "held").trace("a", "b", "try", "try")


def held_at_most_aborts(scene):
    scene.begin(plan(stage("a", tell("a")), stage("b", tell("b") + FAIL), head="held at most 1s else abort"), wait=True)
    scene.ends(10, "aborted").trace("a", "b", "back_b", "back_a")


def held_at_most_cancels(scene):
    scene.begin(plan(stage("a", tell("a") + FAIL), head="held at most 1s else cancel"), wait=True)
    scene.ends(40, "cancelled").trace("a", "back_a")


def a_held_stage_is_tried_again(scene):
    scene.begin(plan(stage("a", tell("a") + 'shell "test -e mended" timeout 5s idempotent\n')), wait=True)
    scene.until_status("held")
    scene.touch("mended")
    scene.say("retry", "a")
    scene.ends(0, "completed").trace("a", "back_a", "a")


def cancel_is_refused_once_applied(scene):
    scene.begin(plan(stage("a", tell("a")), stage("b", tell("b") + hold())))
    scene.until_traced("b")
    scene.say("cancel", status=1)
    scene.touch("go")
    scene.ends(0)


# ---- after the last stage ---------------------------------------------------------------------------

AFTER = """
    param watch: duration = 500ms
    observe watch
    grace 300ms
"""
RETIRE = f"""retire "drop it" {{
    approve ops within 30s else keep
    apply within 10s {{ {tell("retired")} }}
    verify within 10s {{ {CHECK} }}
}}"""


def observe_grace_and_retire(scene):
    scene.begin(plan(stage("a", tell("a")), head=OPS + AFTER, tail=RETIRE))
    scene.say("approve", scene.question())
    scene.ends(0, "completed").trace("a", "retired")


def retire_may_be_refused(scene):
    scene.begin(plan(stage("a", tell("a")), head=OPS + AFTER, tail=RETIRE))
    scene.say("deny", scene.question())
    scene.ends(0, "completed").trace("a")


def a_held_retire_offers_what_is_possible(scene):
    """The way back is gone: what is offered then is accepted, and `abort` is neither."""
    scene.begin(plan(stage("a", tell("a")), head=OPS + AFTER,
                     tail=RETIRE.replace(tell("retired"), tell("retired") + 'run "test -e there" timeout 5s idempotent\n')
                     .replace("apply within 10s", "apply within 20s")))
    scene.say("approve", scene.question())
    scene.ends(30, "held")
    text = scene.tail()[scene.tail().index("held:"):]
    for word, offered in (("rbk retry", True), ("retire done", True), ("retire not-done", True), ("the old system is kept", True),
                          ("rbk abort", False), ("rbk cancel", False)):
        expect(word in text, offered, f"{word} in {text}")
    expect("rbk abort" in scene.run("rbk", "status", scene.run_id()).text.decode(), False, "abort in the status")
    scene.say("abort", "--no-wait")
    scene.say("resolve", "retire", "not-done", "--reason", "the test", "--no-wait")
    scene.resume().ends(0, "completed").trace("a", "retired")
    replies = [reply for reply, in scene.ask("SELECT reply FROM inbox ORDER BY id")][-2:]
    expect("no way back" in replies[0] and replies[1] == "accepted", True, replies)


def a_trigger_fires_while_observing(scene):
    scene.begin(plan(stage("a", tell("a")), head=AFTER.replace("500ms", "60s") + trigger("bad", "then abort")))
    scene.until_status("observing")
    scene.touch("bad")
    scene.ends(10, "aborted").trace("a", "back_a")


def grace_may_be_aborted(scene):
    scene.begin(plan(stage("a", tell("a")), head=AFTER.replace("300ms", "60s"), tail=""), "--set", "watch=100ms")
    scene.until_status("grace")
    scene.say("abort")
    scene.ends(10, "aborted").trace("a", "back_a")


# ---- a runner that dies -----------------------------------------------------------------------------

def killed_in(scene, clause, more=""):
    """A run whose runner is killed while a request is under way, resumed."""
    scene.begin(plan(stage("a", tell("a") + f'http POST "{scene.web.url}/slow/{scene.name}" body "x" timeout 10s '
                           f"{clause}\n" + tell("b")), head=OPS + more))
    scene.until(lambda: scene.web.got(f"/slow/{scene.name}"), "the request")
    scene.process.kill()
    scene.process.wait()
    scene.resume()


def in_doubt_a_person_says_what_happened(scene):
    killed_in(scene, "in doubt ask ops within 30s else abort")
    scene.say("resolve", scene.question("doubt"), "done", "--reason", "seen in its log")
    scene.ends(0, "completed").trace("a", "b")
    expect(len(scene.web.got(f"/slow/{scene.name}")), 1, "requests")


def in_doubt_silence_takes_the_else(scene):
    killed_in(scene, "in doubt ask ops within 1s else abort")
    scene.ends(10, "aborted").trace("a", "back_a")


def orphaned(scene, clause):
    """A run whose runner and supervisor are killed while a command is under way, resumed; the command has ended."""
    scene.begin(plan(stage("a", 'shell "echo x >> tries; until test -e go; do sleep 0.02; done" timeout 20s ' + clause + "\n"
                           + tell("b")), head=OPS))
    scene.until(lambda: os.path.exists(scene.path("tries")), "the command")
    scene.die()
    with open(os.path.join(os.path.dirname(scene.store), "runs", scene.run_id(), "supervisor.id")) as file:
        os.kill(int(re.search(r"^pid (\d+)", file.read(), re.M).group(1)), signal.SIGKILL)
    scene.touch("go")
    scene.resume()


def a_command_in_doubt_is_run_again_when_it_was_not_done(scene):
    orphaned(scene, "in doubt ask ops within 30s else abort")
    scene.say("resolve", scene.question("doubt"), "not-done", "--reason", "nothing of it is there")
    scene.ends(0, "completed").trace("b")
    scene.holds("tries", "x\nx")


def a_command_in_doubt_is_not_run_again_when_it_was_done(scene):
    orphaned(scene, "in doubt ask ops within 30s else abort")
    scene.say("resolve", scene.question("doubt"), "done", "--reason", "all of it is there")
    scene.ends(0, "completed").trace("b")
    scene.holds("tries", "x")


def a_command_in_doubt_that_nobody_knows_takes_the_else(scene):
    orphaned(scene, "in doubt ask ops within 1s else abort")
    scene.ends(10, "aborted").trace("back_a")
    scene.holds("tries", "x")


def a_redis_command_in_doubt_asks(scene):
    scene.begin(plan(stage("a", tell("a") + f'redis cache "BLPOP {scene.name} 20" timeout 25s in doubt ask ops within 30s else abort\n'
                           + tell("b"), within="90s"), head=OPS + f'\nconnection cache = redis("{scene.cache()}")'))
    scene.until(lambda: any(each["step"] == "a.apply.2" for each in scene.look().get("open_effects", [])), "the command")
    scene.die()
    scene.resume()
    scene.say("resolve", scene.question("doubt"), "done", "--reason", "the test")
    scene.ends(0, "completed").trace("a", "b")


def idempotent_runs_again(scene):
    killed_in(scene, "idempotent")
    scene.ends(0, "completed").trace("a", "b")
    first, second = scene.web.got(f"/slow/{scene.name}")
    expect(first[2]["Idempotency-Key"], second[2]["Idempotency-Key"], "the key of the second request")


def done_when_looks(scene):
    killed_in(scene, 'done when file.exists("trace")', more="\nheld at most 1m else abort\n")
    scene.ends(0, "completed").trace("a", "b")
    expect(len(scene.web.got(f"/slow/{scene.name}")), 1, "requests")


def aborted_in(scene, condition, head=OPS):
    """A run that is aborted while a request is under way, which is cut off."""
    scene.begin(plan(stage("a", tell("a") + f'http POST "{scene.web.url}/slow/{scene.name}" body "x" timeout 10s '
                           f"done when {condition}\n" + tell("b")), head=head))
    scene.until(lambda: scene.web.got(f"/slow/{scene.name}"), "the request")
    scene.say("abort", "--no-wait")


def expect_no_question(scene):
    said = scene.run("rbk", "log", scene.run_id()).text.decode()
    expect("rbk resolve" in said, False, f"a question about the request in\n{said}\n")


def an_abort_looks_for_what_it_cut_off(scene):
    scene.write("look.sh", "echo x >> looked; tail -n 1 trace >> looked; exit $1")
    aborted_in(scene, 'run.exit("sh look.sh 1") == 0')
    scene.ends(10, "aborted").trace("a", "back_a")
    scene.holds("looked", "x\na")  # once, before anything was taken back
    expect(len(scene.web.got(f"/slow/{scene.name}")), 1, "requests")
    expect_no_question(scene)


def a_runner_that_dies_while_an_abort_looks_leaves_the_look_to_the_next(scene):
    scene.write("look.sh", "echo x >> looked; until test -e go; do sleep 0.02; done")
    aborted_in(scene, 'run.exit("sh look.sh") == 0')
    scene.until(lambda: os.path.exists(scene.path("looked")), "the look")
    scene.process.kill()
    scene.process.wait()
    scene.touch("go")
    scene.resume()
    scene.ends(10, "aborted").trace("a", "back_a")
    scene.holds("looked", "x\nx")
    expect_no_question(scene)


def an_abort_asks_a_person_only_when_the_look_cannot_tell(scene):
    aborted_in(scene, 'sql.value(db, "SELECT x FROM nowhere") == 1', OPS + '\nconnection db = sqlite("t.db")')
    scene.say("resolve", scene.question("doubt"), "not-done", "--reason", "its log says so")
    scene.ends(10, "aborted").trace("a", "back_a")


# ---- the way back, rehearsals -------------------------------------------------------------------------

GUARDED = f"""
    stage a "Stage a" {{
        unwatched because "a test"
        apply within 30s {{ {tell("a")} }}
        verify within 20s {{ {CHECK} }}
        rollback first when file.exists("open") every 1s within 20s {{ {tell("first_a")} verify {{ {CHECK} }} }}
        rollback other when file.exists("ajar") every 1s within 20s {{ {tell("other_a")} verify {{ {CHECK} }} }}
    }}"""
NO_WAY = HOOK + 'on no_way_back { notify incident "no way back" }\n'


def ways(scene):
    return [json.loads(body)["level"] for body, in scene.ask("SELECT body FROM events WHERE kind = 'way_back' ORDER BY seq")]


def nothing_starts_while_there_is_no_way_back(scene):
    scene.touch("open")
    scene.begin(plan(GUARDED, stage("b", tell("b"), more="after a for 2s"), head=NO_WAY, use=USE), env=scene.hooked(), wait=True)
    scene.until(lambda: ways(scene), "the first look")
    applied = time.monotonic()
    os.rename(scene.path("open"), scene.path("shut"))
    scene.until(lambda: len(ways(scene)) > 1, "the way back is read again")
    scene.until(lambda: scene.texts(), "a message")
    scene.until(lambda: time.monotonic() > applied + 2.5, "b may start but for the way back")
    expect(scene.trace(), ["a"], "what was done without a way back")
    scene.until_status("held")
    expect("NO WAY BACK IS OPEN" in scene.run("rbk", "status", scene.run_id()).text.decode(), True, "the status tells it")
    scene.touch("ajar")
    scene.ends(0, "completed").trace("a", "b")
    expect((ways(scene), scene.texts()), (["true", "false", "missing"], ["no way back"]), "what was read and told")


def the_way_that_is_open_is_taken(scene):
    scene.touch("ajar")
    scene.begin(plan(GUARDED, stage("b", FAIL + tell("b")))).ends(30, "held")
    scene.say("abort", "--no-wait")
    scene.resume().ends(10, "aborted")
    scene.trace("a", "back_b", "other_a")


def without_a_way_back_it_is_stuck(scene):
    scene.touch("open")
    scene.begin(plan(GUARDED, stage("b", hold() + FAIL)))
    scene.until(lambda: any(each["stage"] == "a" and each["applied"] for each in scene.look().get("stages", [])), "a stands applied")
    os.unlink(scene.path("open"))
    scene.touch("go")
    scene.ends(30, "held")
    scene.say("abort", "--no-wait")
    scene.resume().ends(20, "stuck")
    scene.touch("ajar")
    scene.say("retry", "--no-wait")
    scene.resume().ends(10, "aborted").trace("a", "back_b", "other_a")


def a_rehearsal_lets_a_run_begin(scene):
    """A record of this very machine that is fresh enough, or a reason; a plan of low risk needs neither."""
    text = plan(stage("a", tell("a"), more="risk medium"), head="rehearsed within 30d")
    scene.write("plan.rbk", text)

    def refused(*words):
        done = scene.run("rbk", "run", "plan.rbk", "--no-wait", *words)
        expect((done.status, "no rehearsal fresh enough" in done.text.decode()), (1, True), done)

    def record(days, machine):
        scene.query("DELETE FROM rehearsals")
        scene.query("INSERT INTO rehearsals (machine, at_ms, record) VALUES (?, ?, '{}')", machine,
                    int((time.time() - days * 86400) * 1000))

    refused()
    refused("--unrehearsed", "")
    expect(scene.ask("SELECT count(*) FROM runs"), [(0,)], "runs")
    scene.begin(None, "--unrehearsed", "agreed in CAB-7").ends(0, "completed")
    expect("agreed in CAB-7" in scene.run("rbk", "status", scene.run_id()).text.decode(), True, "the reason is shown")
    machine = scene.ask("SELECT machine FROM runs")[0][0]
    record(31, machine)
    refused()
    record(29, "0" * 64)
    refused()
    record(29, machine)
    done = scene.run("rbk", "run", "plan.rbk", "--no-wait")
    expect(done.status, 0, done)
    scene.write("plan.rbk", text.replace("echo a", "echo other"))
    refused()
    scene.write("plan.rbk", text.replace("risk medium", "risk low"))
    done = scene.run("rbk", "run", "plan.rbk", "--no-wait")
    expect(done.status, 0, done)


# ---- starting ---------------------------------------------------------------------------------------

PARAMS = """param n: int = 1 where n > 0 "n must be positive"
param who: text
param names: list of text = ["x"]
"""


def parameters_come_from_file_and_command(scene):
    text = plan(stage("a", 'shell "echo ${n}-${who} >> trace" timeout 5s idempotent\n'
                           'foreach name in names at most 3 { shell "echo ${name} >> trace" timeout 5s idempotent }\n'),
                head=PARAMS)
    scene.write("p.json", json.dumps({"n": 5, "who": "file", "names": ["y", "z"]}))
    scene.begin(text, "--params", "p.json", "--set", "who=command line").ends(0)
    expect(scene.read("trace").decode(), "5-command line\ny\nz\n", "the values")
    for words in ((), ("--set", "who=x", "--set", "n=0"), ("--set", "who=x", "--set", "n=many"),
                  ("--set", "who=x", "--set", "nobody=1")):
        done = scene.run("rbk", "run", "plan.rbk", "--no-wait", *words)
        expect(done.status, 2, f"the status of {done}")
    expect(len(scene.ask("SELECT id FROM runs")), 1, "runs in the store")


def a_machine_runs_like_its_plan(scene):
    scene.write("plan.rbk", plan(stage("a", tell("a"))))
    expect(scene.run("rbkc", "build", "plan.rbk").status, 0, "the status of rbkc build")
    scene.write("plan.rbk", "changed since")
    scene.begin(None, name="plan.rbkm").ends(0, "completed").trace("a")


def what_cannot_start_says_so(scene):
    scene.write("bad.rbk", 'plan bad { stage a "A" { apply within 1s { run "touch a" idempotent } } }')
    scene.write("broken.rbk", "plan {{{")
    scene.write("broken.rbkm", "{}")
    for words, status in ((("run", "bad.rbk"), 3), (("run", "broken.rbk"), 3), (("run", "broken.rbkm"), 3),
                          (("run",), 2), (("unheard-of",), 2), (("status", "nobody"), 1),
                          (("abort", "nobody"), 1), (("run", "nowhere.rbk"), None)):
        done = scene.run("rbk", *words)
        expect(status is None and done.status in (1, 2, 3) or done.status == status, True, f"the status of {done}")
        expect(bool(done.text.strip()), True, f"a reason in {done}")

HELPERS = (expect_no_question, ways)
CASES = [each for each in list(globals().values())
         if callable(each) and getattr(each, "__module__", "") == "__main__"
         and each.__code__.co_varnames[:each.__code__.co_argcount] == ("scene",) and each not in HELPERS]

if __name__ == "__main__":
    play(CASES)
