#!/usr/bin/env python3
"""What is told, and when: every `on`, notifications of steps, triggers and escalations, reports. The messages are
compared as a whole and in order, so that one too many shows, too.

    telling_test.py [--keep] [CASE...]
"""

import datetime
import json
import os
import re
import time

from scene import CHECK, HOOK, OPS, USER, expect, hold, plan, play, stage, tell

FAIL = 'run "false" timeout 5s idempotent\n'
TURN = 'abort when rollbacks > 0 "one stage came back"\n'
EVENTS = ("start", "pause", "hold", "abort", "stage", "stuck", "aborted", "completed", "cancelled", "no_way_back")
ALL = HOOK + "".join(f'on {event} {{ notify incident "{event} ${{run.status}} ${{run.stage}}" }}\n' for event in EVENTS)
USE = "use std.http"


def begin(scene, *stages, head="", wait=False, tail=""):
    return scene.begin(plan(*stages, head=ALL + head, use=USE, tail=tail), env={"HOOK": scene.hook()}, wait=wait)


def words(scene):
    return [each["message"] for each in scene.told()]


def a_run_that_goes_well_tells_of_its_start_its_stages_and_its_end(scene):
    begin(scene, stage("a", tell("a")), stage("b", tell("b"))).ends(0)
    expect(words(scene), ["start running a", "stage running a", "stage completed b", "completed completed b"], "the messages")
    expect([each["event"] for each in scene.told()], ["start", "stage", "stage", "completed"], "the events")


def a_stage_is_told_of_by_its_own_name_while_another_is_under_way(scene):
    begin(scene, stage("first", tell("first") + hold()), stage("second", tell("second"), more="after nothing\n"))
    scene.until(lambda: any(each["event"] == "stage" for each in scene.told()), "the second stage")
    scene.touch("go")
    scene.ends(0)
    expect([each["stage"] for each in scene.told() if each["event"] == "stage"], ["second", "first"], "the stages")
    expect([word for word in words(scene) if word.startswith("stage")], ["stage running second", "stage completed first"],
           "the messages")


def a_step_tells_of_its_own_stage(scene):
    step = 'notify incident "in ${stage.name}, ${stage.title}"\n'
    begin(scene, stage("first", tell("first") + hold()), stage("second", tell("second") + step + hold("on"), more="after nothing\n"))
    scene.until(lambda: "in second, Stage second" in words(scene), "the step's message")
    scene.touch("go")
    scene.touch("on")
    scene.ends(0)


def a_pause_and_an_abort_are_told_of(scene):
    begin(scene, stage("a", tell("a") + hold()), stage("b", tell("b")), wait=True)
    scene.until_traced("a")
    scene.say("pause")
    scene.until(lambda: any(word.startswith("pause") for word in words(scene)), "the pause")
    scene.say("abort", "--reason", "the cat")
    scene.ends(10)
    expect([each["event"] for each in scene.told()], ["start", "pause", "abort", "aborted"], "the events")
    expect("the cat" in scene.told()[2]["reason"], True, scene.told()[2]["reason"])


def a_hold_and_a_cancel_are_told_of(scene):
    begin(scene, stage("a", tell("a") + FAIL), wait=True)
    scene.until_status("held")
    scene.say("cancel")
    scene.ends(40, "cancelled")
    expect([each["event"] for each in scene.told()], ["start", "hold", "cancelled"], "the events")
    expect(words(scene)[-1], "cancelled cancelled ", "the last")


def a_stuck_run_is_told_of_and_so_is_each_escalation(scene):
    head = """
        role ops { contact "ops@example.com" }
        role boss { contact "boss@example.com" }
        escalate stuck to ops, then boss after 1s
        """
    begin(scene, stage("a", tell("a") + FAIL, rollback=FAIL), head=head, wait=True)
    scene.until(lambda: [each["event"] for each in scene.told()].count("escalation") == 2, "both escalations")
    scene.ends(20, "stuck")
    expect([each["event"] for each in scene.told()], ["start", "stuck", "escalation", "escalation"], "the events")
    expect([each["severity"] for each in scene.told()][1:], ["critical"] * 3, "how bad")
    texts = words(scene)
    expect(("ops@example.com" in texts[2], "boss@example.com" in texts[3]), (True, True), texts)


def a_way_back_that_closes_is_told_of_once(scene):
    guarded = f"""
    stage a "A" {{
        unwatched because "a test"
        apply within 1m {{ {tell("a")} run "touch way" idempotent timeout 5s }}
        verify within 20s {{ {CHECK} }}
        rollback back when file.exists("way") every 100ms within 20s {{ {tell("back")} verify {{ {CHECK} }} }}
    }}"""
    begin(scene, guarded, stage("b", tell("b") + hold()))
    scene.until_traced("b")
    os.unlink(scene.path("way"))
    scene.until(lambda: any(each["event"] == "no_way_back" for each in scene.told()), "no way back")
    expect([each["stage"] for each in scene.told() if each["event"] == "no_way_back"], ["a"], "of which stage")
    scene.touch("way")
    scene.touch("go")
    scene.ends(0)
    expect([each["event"] for each in scene.told()].count("no_way_back"), 1, "how often")


def a_trigger_that_notifies_tells_what_it_saw(scene):
    watched = stage("a", tell("a") + hold(), more="""
        trigger big when file.size("trace") > 2B every 100ms timeout 50ms during apply then notify incident
        """)
    begin(scene, stage("zero", tell("zero")), watched)
    scene.until(lambda: any(each["event"] == "trigger" for each in scene.told()), "the trigger")
    scene.touch("go")
    scene.ends(0)
    told = [each for each in scene.told() if each["event"] == "trigger"]
    expect([each["stage"] for each in told], ["a"], "once, of its stage")
    expect("trigger big fired" in told[0]["message"], True, told[0]["message"])


def a_stage_tells_how_long_it_took(scene):
    head = 'on stage { notify incident "took ${stage.elapsed}" }\nreport to incident every 300ms "at it for ${stage.elapsed}"\n'
    scene.begin(plan(stage("a", tell("a") + 'wait 800ms because "of the test"\n'), stage("b", tell("b") + hold()),
                     head=HOOK + head, use=USE), env={"HOOK": scene.hook(), "RBK_TEST_SNAPSHOT_EVERY": "3"}, wait=True)
    scene.until_traced("b")
    scene.process.kill()
    scene.process.wait()
    scene.resume(wait=True)  # from a snapshot that knows when the stage began

    def told():  # before and behind the end of the first stage; what a killed runner had not noted comes again
        texts = list({each["key"]: each["message"] for each in scene.told()}.values())
        end = next((i for i, text in enumerate(texts) if text.startswith("took")), len(texts))
        return texts[:end], texts[end:]
    scene.until(lambda: len(told()[1]) >= 3, "reports of both stages")
    scene.touch("go")
    scene.ends(0)
    before, behind = told()

    def seconds(text):
        units = {"m": 60, "s": 1, "ms": 0.001}
        return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)(ms|m|s)\b", text))
    expect({text.split()[0] for text in before}, {"at"}, before)
    expect(0.8 <= seconds(behind[0]) < 10, True, behind)
    expect(len(before) >= 2 and 0.1 < seconds(before[0]) < seconds(before[1]) < seconds(behind[0]), True, (before, behind))
    expect([text.split()[0] for text in behind[:3]], ["took", "at", "at"], behind)
    expect(seconds(behind[2]) > seconds(behind[1]), True, behind)


def a_value_that_is_missing_does_not_take_the_message_away(scene):
    begin(scene, stage("a", tell("a") + 'notify incident "left ${run.remaining} of ${estimate}, ${stage.title}"\n')).ends(0)
    expect("left (missing) of (missing), Stage a" in words(scene), True, words(scene))


def a_message_says_what_is_asked_and_what_is_left(scene):
    head = f'estimate 1h\nrole ops {{ contact "o@example.com" members "{USER}" }}\nreport to incident every 1s "asked: ${{run.question}}; left ${{run.remaining}}"\n'
    begin(scene, stage("a", tell("a") + 'ask ops "Is the moon up?" within 1m else abort\n'), head=head, wait=True)
    scene.until(lambda: any("asked: Is the moon up?; left 59m" in word for word in words(scene)), "a report with the question")
    scene.answer("yes")
    scene.ends(0)


# ---- why --------------------------------------------------------------------------------------------

WHY = HOOK + f"""
    {OPS}
    on hold    {{ notify incident "hold: ${{run.reason}}" }}
    on abort   {{ notify incident "abort: ${{run.reason}}" }}
    on pause   {{ notify incident "pause: ${{run.reason}}" }}
    on stuck   {{ notify incident "stuck: ${{run.reason}}" }}
"""


def watched(reaction, each=""):
    return stage("a", tell("a") + hold(), more=f'trigger big when file.size("big") > 2B every 100ms timeout 50ms {each} during apply {reaction}\n')


def fires(scene, reaction, wait=True, **env):
    scene.write("big", "")
    scene.begin(plan(stage("zero", tell("zero")), watched(reaction), head=WHY, use=USE), env={"HOOK": scene.hook(), **env}, wait=wait)
    scene.until_traced("a")
    scene.write("big", "12345")


SAW = "abort: trigger big fired: file.size = 5B"


def a_reason_has_the_readings_and_who_agreed(scene):
    fires(scene, "then abort with approval of ops within 1m else pause")
    scene.question()
    scene.say("approve", "--reason", "it grows")
    scene.ends(10)
    expect(words(scene)[0], f"{SAW}; {USER} said yes: it grows", "the message")


def a_reason_says_that_nobody_answered_also_after_a_crash(scene):
    fires(scene, "then ask ops within 2s else abort", RBK_TEST_SNAPSHOT_EVERY="1")
    scene.question()
    scene.process.kill()
    scene.process.wait()
    scene.resume(wait=True).ends(10)
    expect(words(scene)[0], f"{SAW}; nobody answered in time", "the message")


def a_reason_says_what_was_answered(scene):
    fires(scene, "then ask ops within 1m else pause")
    scene.question()
    scene.say("answer", "abort")
    scene.ends(10)
    expect(words(scene)[0], f"{SAW}; {USER} said abort", "the message")


def a_reason_that_came_with_a_trigger_says_what_it_saw_when_the_stage_is_back(scene):
    fires(scene, "then rollback", wait=False)
    scene.ends(30, "held")
    expect(words(scene)[0], SAW.replace("abort", "hold", 1), "the message")


def a_reason_says_who_refused_a_gate_and_that_nobody_came(scene):
    gate = "approve ops within 1m else abort\n"
    scene.begin(plan(stage("a", tell("a")), stage("b", tell("b"), more=gate), head=WHY, use=USE), env={"HOOK": scene.hook()}, wait=True)
    scene.question()
    scene.say("deny", "--reason", "not tonight")
    scene.ends(10)
    expect(words(scene)[0].endswith(f"was refused or not answered: {USER} said no: not tonight"), True, words(scene))


def a_reason_says_what_nobody_decided_about(scene):
    scene.begin(plan(stage("a", tell("a")), stage("b", tell("b") + FAIL), head=WHY + "held at most 1s else abort\n", use=USE),
                env={"HOOK": scene.hook()}, wait=True)
    scene.ends(10)
    told = words(scene)
    expect(told[0].startswith("hold: ") and "failed: exit status 1" in told[0], True, told)
    expect(told[1], "abort: nobody decided in time about this: " + told[0][len("hold: "):], "the message")


def a_reason_says_who_gave_a_signal(scene):
    head = WHY + 'abort on signal integrity "rows are missing"\n'
    scene.begin(plan(stage("a", tell("a") + hold()), head=head, use=USE), env={"HOOK": scene.hook()}, wait=True)
    scene.until_traced("a")
    scene.say("signal", "integrity", "--reason", "17 of them")
    scene.ends(10)
    expect(words(scene)[0], f"abort: signal integrity: rows are missing, given by {USER}: 17 of them", "the message")


def a_reason_of_a_criterion_says_what_was_counted(scene):
    scene.begin(plan(stage("a", tell("a")), stage("b", tell("b") + FAIL), head=WHY + TURN, use=USE), env={"HOOK": scene.hook()}).ends(10)
    expect(words(scene), ["abort: abort criterion: one stage came back (1 unplanned stage rollback)"], "the message")


def a_reason_of_a_criterion_says_how_long_it_took(scene):
    head = WHY + 'estimate 1s\nabort when elapsed > estimate "too slow"\n'
    scene.begin(plan(stage("a", tell("a") + hold()), head=head, use=USE), env={"HOOK": scene.hook()}).ends(10)
    expect(words(scene), ["abort: abort criterion: too slow (1s since the first effect)"], "the message")


def a_reason_says_what_a_run_is_stuck_for_until_it_is_not(scene):
    way = 'shell "test -e mended || { echo no disk >&2; exit 3; }" timeout 5s idempotent\n' + tell("back_b")
    head = WHY + TURN + 'on aborted { notify incident "aborted: ${run.reason}" }\n'
    scene.begin(plan(stage("a", tell("a")), stage("b", tell("b") + FAIL, rollback=way), head=head, use=USE), env={"HOOK": scene.hook()}, wait=True)
    scene.until(lambda: any(each["event"] == "stuck" for each in scene.told()), "stuck")
    scene.until_status("stuck")
    told = [each for each in scene.told() if each["event"] == "stuck"][0]
    expect(re.fullmatch(r'stuck: (.*); stage b is stuck: shell .* failed: exit status 3.*', told["message"]) is not None, True, told["message"])
    expect(told["stage"], "b", "of which stage")
    scene.process.wait(20)
    scene.touch("mended")
    scene.process = scene.start("rbk", "retry", scene.run_id(), "b")
    scene.process.wait(20)
    scene.resume(wait=True).ends(10)
    expect("stuck" in words(scene)[-1], False, words(scene)[-1])


def an_abort_is_told_of_the_stage_under_way(scene):
    scene.begin(plan(stage("a", tell("a")), stage("b", tell("b") + hold()), head=WHY, use=USE), env={"HOOK": scene.hook()}, wait=True)
    scene.until_traced("b")
    scene.say("abort", "--reason", "enough")
    scene.ends(10)
    expect([each["stage"] for each in scene.told() if each["event"] == "abort"], ["b"], "the stage")


def a_reason_of_any_length_is_cut(scene):
    loud = 'shell "head -c 100000 /dev/zero | tr \\\\0 x >&2; exit 3" timeout 10s idempotent\n'
    scene.begin(plan(stage("a", loud), head=WHY, use=USE), env={"HOOK": scene.hook()}, wait=True)
    scene.until_status("held")
    scene.say("abort", "--reason", "y" * 20000)
    scene.ends(10)
    expect([len(word.encode()) < 1600 for word in words(scene)], [True] * len(words(scene)), "lengths")
    expect(words(scene)[-1].endswith("yy …"), True, words(scene)[-1][-20:])


def all_open_questions_are_told(scene):
    head = WHY + 'report to incident every 1s "asked: ${run.question}"\n'
    asks = "".join(stage(f"s{i}", f'ask ops "Is {i} there?" within 1m else abort\n' + tell(f"s{i}"), more="after nothing\n") for i in range(7))
    scene.begin(plan(asks, head=head, use=USE), env={"HOOK": scene.hook()}, wait=True)
    scene.until(lambda: any("and 2 more" in word for word in words(scene)), "seven questions")
    told = [word for word in words(scene) if "and 2 more" in word][0]
    expect(told, "asked: " + "; ".join(f"Is {i} there?" for i in range(5)) + "; and 2 more", "the report")
    for _ in range(6):
        scene.answer("yes")
    scene.until(lambda: words(scene)[-1] == "asked: Is 6 there?", "the last one alone")
    scene.answer("yes")
    scene.ends(0)


def a_question_about_a_held_run_is_told(scene):
    head = WHY.replace('"hold: ${run.reason}"', '"asked: ${run.question}"') + "held at most 1s else ask ops within 1m else abort\n"
    scene.begin(plan(stage("a", tell("a") + FAIL), head=head, use=USE), env={"HOOK": scene.hook()}, wait=True)
    scene.until(lambda: len(words(scene)) == 2, "both messages of the hold")
    expect(words(scene)[0], "asked: ", "the first")
    expect(words(scene)[1].startswith("asked: ") and len(words(scene)[1]) > 10, True, words(scene))
    scene.answer("abort")
    scene.ends(10)
    expect(words(scene)[2], f"abort: asked for by {USER}", "who decided")


def a_link_is_a_link_and_kept_with_the_run(scene):
    scene.write("plan.rbk", plan(stage("a", tell("a") + hold()), head=HOOK + 'on stage { notify incident "${run.link}" }\n', use=USE))
    for wrong in ("javascript:alert(1)", "https://", "http://two words", "http://x\ny", "http://" + "x" * 2000):
        scene.refused("rbk", "run", "plan.rbk", "--url", wrong, statuses=(2,), says="--url is not a URL", env={"HOOK": scene.hook()})
    scene.refused("rbk", "run", "plan.rbk", statuses=(2,), says="RBK_URL is not a URL",
                  env={"HOOK": scene.hook(), "RBK_URL": "here"})
    expect(scene.ask("SELECT count(*) FROM runs"), [], "runs that began")
    scene.begin(None, env={"HOOK": scene.hook(), "RBK_URL": "https://a.example.com/rbk"}, wait=True)
    scene.until_traced("a")
    scene.process.kill()
    scene.process.wait()
    scene.env["RBK_URL"] = "https://other.example.com"
    scene.touch("go")
    scene.resume().ends(0)
    expect(words(scene), [f"https://a.example.com/rbk/runs/{scene.run_id()}"], "the link")


def written(each):
    return datetime.datetime.fromisoformat(each["at"].replace("Z", "+00:00")).timestamp()


def reports_come_while_a_run_is_active_and_not_in_a_heap_after_a_gap(scene):
    head = 'report to incident every 300ms "still ${run.status}"\n'
    begin(scene, stage("a", tell("a") + hold()), head=head, tail="observe 500ms", wait=True)

    def reports():
        return [each for each in scene.told() if each["event"] == "report"]

    scene.until(reports, "the first report")
    scene.say("pause")
    told = len(reports())
    scene.until(lambda: len(reports()) > told, "one while it is to pause")
    scene.process.kill()
    scene.process.wait()
    killed = time.time()
    before = len(reports())
    scene.until(lambda: time.time() > killed + 1.0, "three reports that nobody could write")
    resumed = time.time()
    scene.resume(wait=True)
    scene.until(lambda: len(reports()) >= before + 2, "reports after the gap")
    late = [each for each in reports() if written(each) >= resumed]
    expect(len([each for each in late if written(each) < resumed + 0.3]) <= 2, True, late)
    gaps = [written(b) - written(a) for a, b in zip(late[1:], late[2:])]
    expect(all(gap > 0.25 for gap in gaps), True, gaps)
    scene.touch("go")
    scene.until_status("paused")
    scene.say("continue")
    scene.ends(0)
    told = scene.told()
    expect(told[-1]["event"], "completed", "nothing is reported of a run that has ended")
    expect("observing" in {each["status"] for each in reports()}, True, {each["status"] for each in reports()})


def a_hook_is_told_once_in_order_and_not_before_it_is_durable(scene):
    text = plan(stage("a", tell("a")), stage("b", tell("b") + FAIL), head=ALL + TURN, use=USE)
    for at in range(1, 100):
        scene.store = scene.env["RBK_STORE"] = scene.path(f"state/{at}.db")
        scene.begin(text, env={"HOOK": f"{scene.hook()}/{at}/", "RBK_TEST_KILL_BEFORE_COMMIT": str(at)})
        ended = scene.process.wait(20)
        del scene.env["RBK_TEST_KILL_BEFORE_COMMIT"]

        def told():
            return [json.loads(each[3]) for each in scene.web.got(f"/hook/{scene.name}/{at}/")]
        durable = {key for key, in scene.ask("SELECT key FROM outbox")}
        expect({each["key"] for each in told()} - durable, set(), f"messages that no event stands behind, commit {at}")
        if ended == 10:
            break
        expect(ended, -9, f"how it ended at commit {at}")
        scene.resume().ends(10)
        expect(list({each["key"]: each["event"] for each in told()}.values()), ["start", "stage", "abort", "aborted"], f"the messages, commit {at}")
    expect(at > 8, True, f"{at} commits")


def a_run_whose_reports_nobody_hears_goes_on(scene):
    head = 'report to incident every 300ms "still"\n'
    scene.begin(plan(stage("a", tell("a") + 'wait 500ms because "time for a report"\n'), head=HOOK + head, use=USE),
                env={"HOOK": f"{scene.web.url}/status/503"})
    scene.until_status("completed")
    expect(scene.ask("SELECT count(*) > 0 FROM outbox WHERE sent_ms = 0"), [(1,)], "reports nobody took")
    scene.process.terminate()
    scene.process.wait(20)


CASES = [a_run_that_goes_well_tells_of_its_start_its_stages_and_its_end,
         a_stage_is_told_of_by_its_own_name_while_another_is_under_way, a_step_tells_of_its_own_stage,
         a_pause_and_an_abort_are_told_of, a_hold_and_a_cancel_are_told_of,
         a_stuck_run_is_told_of_and_so_is_each_escalation, a_way_back_that_closes_is_told_of_once,
         a_trigger_that_notifies_tells_what_it_saw, a_stage_tells_how_long_it_took, a_value_that_is_missing_does_not_take_the_message_away,
         a_message_says_what_is_asked_and_what_is_left,
         a_reason_has_the_readings_and_who_agreed, a_reason_says_that_nobody_answered_also_after_a_crash, a_reason_says_what_was_answered,
         a_reason_that_came_with_a_trigger_says_what_it_saw_when_the_stage_is_back, a_reason_says_who_refused_a_gate_and_that_nobody_came,
         a_reason_says_what_nobody_decided_about, a_reason_says_who_gave_a_signal,
         a_reason_of_a_criterion_says_what_was_counted, a_reason_of_a_criterion_says_how_long_it_took, a_reason_says_what_a_run_is_stuck_for_until_it_is_not,
         an_abort_is_told_of_the_stage_under_way, a_reason_of_any_length_is_cut, all_open_questions_are_told,
         a_question_about_a_held_run_is_told,
         a_link_is_a_link_and_kept_with_the_run,
         a_hook_is_told_once_in_order_and_not_before_it_is_durable, reports_come_while_a_run_is_active_and_not_in_a_heap_after_a_gap, a_run_whose_reports_nobody_hears_goes_on]

if __name__ == "__main__":
    play(CASES)
