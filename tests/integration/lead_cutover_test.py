#!/usr/bin/env python3
"""plans/lead_cutover against real PostgreSQL, Redis and an HTTP service: it completes; and when any one
effect or check fails or hangs, any trigger or criterion fires, or any gate is refused or left alone, the run
ends as it must and the world is as it was.

    lead_cutover_test.py [PART/PARTS] [NAME...]

Cases are independent; PART/PARTS takes every PARTS-th one, so that two processes share them.
"""

import json
import sys

from cases import play, share
from world import Run, World, wait_for

CASES = []


def case(name):
    def add(function):
        CASES.append((name, function))
        return function
    return add


def expect(condition, text, run=None):
    if not condition:
        raise AssertionError(text + ("\n" + run.tail() if run else ""))


def same_world(world, run):
    after = world.picture()
    for part, value in world.before.items():
        if after[part] != value:
            raise AssertionError(f"{part} is not as before\n--- before\n{value[-1500:]}\n--- after\n"
                                 f"{after[part][-1500:]}\n{run.tail()}")


def abort_when_held(run):
    """A run that is held or paused, or has stopped there, is aborted by a person."""
    if run.status() in ("held", "paused") and "abort" not in run.given:
        run.given.add("abort")
        run.rbk("abort", run.id(), "--reason", "the test", "--no-wait")


def to_the_end(run, policy=None, on_turn=None):
    """Until the run has ended: a runner that stops because the run is held is followed by another one,
    after somebody has asked for the abort."""
    code = run.finish(policy, on_turn=on_turn)
    for _ in range(4):
        if code != 30:
            return code
        abort_when_held(run)
        run.world.control(slack=200)
        run.resume()
        code = run.finish(policy, on_turn=on_turn)
    return code


def rolled_back(world, name, arrange=None, policy=None, on_turn=None, met=None, expected=10, status="aborted"):
    world.reset()
    if arrange:
        arrange()
    run = Run(world, name)
    run.start()
    code = to_the_end(run, policy, on_turn)
    expect(code == expected and run.status() == status,
           f"ended with {code}, {run.status()}; expected {expected}, {status}", run)
    if met:
        expect(met(), "the fault was never met", run)
    world.control(health=None, hang=[])
    if expected == 10:
        same_world(world, run)
    return run


# ---- the way forward ----------------------------------------------------------------------------


@case("completes")
def completes(world):
    world.reset()
    world.watch = "100ms"
    run = Run(world, "completes")
    run.start()
    code = run.finish()
    expect(code == 0 and run.status() == "completed", f"ended with {code}, {run.status()}", run)
    expect(world.sql("SELECT count(*) FROM leads") == "500", "not every lead was moved")
    expect(world.sql("SELECT to_regclass('legacy_leads') IS NULL") == "t", "the legacy table is still there")
    expect(world.replicas() == "3", "the service was not brought back")
    wait_for(lambda: any("started by" in message["text"] for message in world.messages()), what="the first message")
    keys = [message["key"] for message in world.messages()]
    expect(all(keys) and len(keys) == len(set(keys)), f"messages without keys, or twice: {keys}")


# ---- one effect or check fails, or hangs --------------------------------------------------------

# Commands on the way forward, by the state in which they run.
COMMANDS = [
    "stop_writes.apply.1.scale.1", "stop_writes.apply.1.scale.2", "stop_writes.verify.1",
    "migrate.prepare.1.take.1.dump.1", "migrate.prepare.1.verify.1",
    *(f"open_traffic.apply.1.turn_{turn}.1.scale.{step}" for turn in (1, 2, 3) for step in (1, 2)),
]
# And on the way back: what cannot be taken back leaves the run stuck.
INVERSES = [
    "open_traffic.rollback.1.undo_1.scale.1", "open_traffic.rollback.1.undo_2.scale.1",
    "open_traffic.rollback.1.undo_3.scale.1", "open_traffic.rollback.verify.1",
    "stop_writes.rollback.1.undo_1.scale.1",
]
# States that other cases make fail or hang; together with the above that is every effect of the plan, see
# "every effect is covered".
COVERED = {
    "plan.require.1": "require fails, hangs", "plan.approve.1": "attest refused, expires",
    "plan.baseline": "baseline without a reading", "plan.arm": "a trigger that cannot be read",
    "migrate.approve.1": "approval refused, expires", "migrate.prepare.2": "sql leads_before",
    "migrate.apply.1": "sql move_leads", "migrate.apply.2": "sql index", "migrate.apply.3": "redis flush",
    "migrate.verify.1": "sql every lead moved", "migrate.verify.2": "sql bad rows",
    "open_traffic.apply.1.turn_1.2": "error rate check fails", "open_traffic.apply.1.turn_2.2": "the same check",
    "open_traffic.apply.1.turn_3.2": "the same check", "open_traffic.verify.1": "p99 check fails",
    "migrate.rollback.down.when": "strategy down does not apply", "migrate.rollback.down.1": "strategy down",
    "migrate.rollback.down.verify.1": "strategy down is not verified",
    "migrate.rollback.from_backup.1": "no strategy is left",
    "migrate.rollback.from_backup.2.restore.1": "from_backup cannot drop: stuck",
    "migrate.rollback.from_backup.2.restore.2.restore.1": "no strategy is left",
    "migrate.rollback.from_backup.verify.1": "from_backup is not verified",
    "stop_writes.rollback.verify.1": "the service stays down",
    "retire.approve.1": "retire refused", "retire.apply.1": "retire fails", "retire.verify.1": "retire fails",
    # Reads nothing: a text put together, which cannot fail.
    "migrate.prepare.1.let.file": None,
}


@case("every effect is covered")
def every_effect(world):
    world.reset()
    run = Run(world, "coverage")
    machine = json.loads(run.compile())["tables"]
    effects = {state["name"] for state in machine["states"] if state["kind"] == "effect"}
    known = {*COMMANDS, *INVERSES, *COVERED}
    expect(effects == known, f"not covered: {sorted(effects - known)}; not in the plan: {sorted(known - effects)}")


def command_case(step, mode):
    def run_case(world):
        rolled_back(world, f"{step}-{mode}", lambda: world.break_command(step, mode), met=world.command_met)
    return run_case


# SQL, by a piece of its text: (name, text, which message that contains it).
STATEMENTS = [
    ("leads_before", "SELECT count(*) FROM legacy_leads", 1),
    ("move_leads", "CREATE TABLE lead_sources", 1),
    ("index", "CREATE INDEX CONCURRENTLY", 1),
    ("every lead moved", "SELECT count(*) FROM leads", 1),
    ("bad rows", "coalesce(avg((email", 1),
]


def sql_case(name, text, nth, mode):
    def run_case(world):
        rolled_back(world, f"{name}-{mode}", lambda: world.pg_proxy.set(text, mode, nth),
                    met=lambda: world.pg_proxy.met)
    return run_case


def redis_case(mode):
    def run_case(world):
        rolled_back(world, f"flush-{mode}", lambda: world.redis_proxy.set("FLUSHDB", mode),
                    met=lambda: world.redis_proxy.met)
    return run_case


for step in COMMANDS:
    for mode in ("fail", "hang"):
        CASES.append((f"{step} {mode}s", command_case(step, mode)))
for name, text, nth in STATEMENTS:
    for mode in ("fail", "hang"):
        CASES.append((f"sql {name} {mode}s", sql_case(name, text, nth, mode)))
for mode in ("fail", "hang"):
    CASES.append((f"redis flush {mode}s", redis_case(mode)))


@case("require fails")
def require_fails(world):
    rolled_back(world, "require-fail", lambda: world.control(slack=500))


@case("require hangs")
def require_hangs(world):
    rolled_back(world, "require-hang", lambda: world.control(hang=["/slack"]))


def when_applied(stage, action):
    """Do something once, when the stage stands applied."""
    done = []

    def turn(run):
        if not done and ("applied" in [each["status"] for each in run.look().get("stages", [])
                                       if each["stage"] == stage]):
            done.append(True)
            action(run)
    return turn


def during(stage_word, action):
    """Do something once, when the runner's log first holds the words."""
    done = []

    def turn(run):
        if not done and stage_word in run.tail():
            done.append(True)
            action(run)
    return turn


@case("error rate check fails")
def error_rate_fails(world):
    rolled_back(world, "errors-check", on_turn=during(
        "every lead moved", lambda run: world.control(error_rate=0.01)))


@case("p99 check fails")
def p99_fails(world):
    # Slower than the verification allows, not slow enough for the trigger (twice the baseline).
    rolled_back(world, "p99-check", lambda: world.control(p99=0.15), on_turn=during(
        "every lead moved", lambda run: world.control(p99=0.25)))


@case("error rate check hangs")
def error_rate_hangs(world):
    rolled_back(world, "errors-hang", on_turn=during(
        "every lead moved", lambda run: world.control(hang=["/api/v1/query"])))


@case("p99 check hangs")
def p99_hangs(world):
    rolled_back(world, "p99-hang", on_turn=during(
        "open_traffic    verifying", lambda run: world.control(hang=["/api/v1/query"])))


# ---- triggers, criteria, signals ----------------------------------------------------------------


@case("trigger unhealthy fires")
def unhealthy(world):
    # The service is ill until the run turns round: then what made it ill is being taken back.
    fails = when_applied("open_traffic", lambda run: world.control(health=500))
    heals = during("aborting", lambda run: world.control(health=None))

    def turn(run):
        fails(run)
        heals(run)
    rolled_back(world, "unhealthy", on_turn=turn, policy={"retire.approve.1": ""})


@case("trigger errors fires, approved")
def errors_approved(world):
    rolled_back(world, "errors-yes", on_turn=when_applied("open_traffic", lambda run: world.control(error_rate=0.4)),
                policy={"trigger.errors": "yes", "retire.approve.1": ""})


@case("trigger errors fires, nobody answers")
def errors_expire(world):
    rolled_back(world, "errors-silence",
                on_turn=when_applied("open_traffic", lambda run: world.control(error_rate=0.4)),
                policy={"trigger.errors": "", "retire.approve.1": ""})


@case("trigger slow fires, dba aborts")
def slow(world):
    rolled_back(world, "slow", on_turn=when_applied("open_traffic", lambda run: world.control(p99=5)),
                policy={"trigger.slow": "abort", "retire.approve.1": ""})


@case("trigger alerted fires")
def alerted(world):
    rolled_back(world, "alerted", on_turn=when_applied(
        "migrate", lambda run: run.rbk("alert", run.id(), "AutoRollbackTrigger", "firing", "--label", "service=leads", "--no-wait")),
        policy={"retire.approve.1": ""})


@case("trigger corrupt fires")
def corrupt(world):
    rolled_back(world, "corrupt", on_turn=when_applied(
        "open_traffic", lambda run: world.sql("UPDATE leads SET email = 'broken' WHERE id <= 100")),
        policy={"retire.approve.1": ""})


@case("signal integrity")
def signal(world):
    rolled_back(world, "signal", on_turn=when_applied(
        "migrate", lambda run: run.rbk("signal", run.id(), "integrity", "--no-wait")),
        policy={"retire.approve.1": ""})


@case("a person aborts")
def person_aborts(world):
    rolled_back(world, "abort", on_turn=when_applied(
        "migrate", lambda run: run.rbk("abort", run.id(), "--no-wait")), policy={"retire.approve.1": ""})


# ---- gates --------------------------------------------------------------------------------------


@case("attest refused")
def attest_refused(world):
    rolled_back(world, "attest-no", policy={"plan.approve.1": "no"}, expected=40, status="cancelled")


@case("attest expires")
def attest_expires(world):
    rolled_back(world, "attest-silence", policy={"plan.approve.1": ""}, expected=40, status="cancelled")


@case("approval refused")
def approval_refused(world):
    rolled_back(world, "approve-no", policy={"migrate.approve.1": "no"})


@case("approval expires")
def approval_expires(world):
    rolled_back(world, "approve-silence", policy={"migrate.approve.1": ""})


def keeps(world, name, answer):
    world.reset()
    world.watch = "100ms"
    run = Run(world, name)
    run.start()
    code = run.finish({"retire.approve.1": answer}, seconds=120)
    expect(code == 0 and run.status() == "completed", f"ended with {code}, {run.status()}", run)
    expect(world.sql("SELECT count(*) FROM legacy_leads") == "500", "the legacy table was dropped", run)


@case("retire refused keeps the table")
def retire_refused(world):
    keeps(world, "retire-no", "no")


# ---- the way back itself ------------------------------------------------------------------------


def abort_after_open(world, arrange):
    def act(run):
        arrange()
        run.rbk("abort", run.id(), "--no-wait")
    return when_applied("open_traffic", act)


for mode in ("fail", "hang"):
    def down(world, mode=mode):
        run = rolled_back(world, f"down-{mode}", policy={"retire.approve.1": ""}, on_turn=abort_after_open(
            world, lambda: world.pg_proxy.set("DROP TABLE IF EXISTS leads;", mode)),
            met=lambda: world.pg_proxy.met)
        labels = [row[0] for row in run.query("SELECT label FROM evidence")]
        expect("state before restore" in labels, f"the second strategy kept no evidence: {labels}", run)
    CASES.append((f"strategy down {mode}s, from_backup takes over", down))


def stays_stuck(world, name, arrange, met=None):
    rolled_back(world, name, policy={"retire.approve.1": ""}, expected=20, status="stuck",
                on_turn=abort_after_open(world, arrange), met=met)


for step in INVERSES:
    for mode in ("fail", "hang"):
        def inverse(world, step=step, mode=mode):
            stays_stuck(world, f"{step}-{mode}", lambda: world.break_command(step, mode), world.command_met)
        CASES.append((f"{step} {mode}s: stuck", inverse))


@case("the service stays down: stuck")
def stays_down(world):
    stays_stuck(world, "stays-down", lambda: world.control(health=500))


@case("the service does not answer: stuck")
def service_hangs(world):
    stays_stuck(world, "service-hangs", lambda: world.control(hang=["/health"]))


# What happens to the first strategy: the second one takes over.
for text, what in (("SELECT to_regclass('legacy_leads') IS NOT NULL", "cannot be asked"),
                   ("SELECT count(*) FROM legacy_leads", "is not verified")):
    for mode in ("fail", "hang"):
        def first(world, text=text, what=what, mode=mode):
            rolled_back(world, f"down-{what}-{mode}", policy={"retire.approve.1": ""},
                        on_turn=abort_after_open(world, lambda: world.pg_proxy.set(text, mode, 1)),
                        met=lambda: world.pg_proxy.met)
        CASES.append((f"strategy down {what} ({mode}), from_backup takes over", first))


# And to the second one, when the first has failed: nothing is left.
for step in ("migrate.rollback.from_backup.1", "migrate.rollback.from_backup.2.restore.2.restore.1"):
    for mode in ("fail", "hang"):
        def second(world, step=step, mode=mode):
            def arrange():
                world.pg_proxy.set("DROP TABLE IF EXISTS leads;", "fail")
                world.break_command(step, mode)
            stays_stuck(world, f"{step}-{mode}", arrange, world.command_met)
        CASES.append((f"{step} {mode}s: stuck", second))


for text, what in (("DROP TABLE IF EXISTS leads, ", "cannot drop"),
                   ("SELECT count(*) FROM legacy_leads", "is not verified")):
    for mode in ("fail", "hang"):
        def backup(world, text=text, what=what, mode=mode):
            def arrange():
                world.pg_proxy.set("DROP TABLE IF EXISTS leads;", "fail")
                world.pg_proxy.also(text, mode)
            stays_stuck(world, f"backup-{what}-{mode}", arrange)
        CASES.append((f"from_backup {what} ({mode}): stuck", backup))


@case("baseline without a reading")
def baseline_missing(world):
    rolled_back(world, "baseline", lambda: world.control(p99=None))


@case("a trigger that cannot be read does not start the run")
def arm_missing(world):
    rolled_back(world, "arm", lambda: world.control(error_rate=None, hang=[]), expected=10)


@case("trigger disk pauses")
def disk(world):
    def fill(text):
        return text.replace("disk_free < 10%", "disk_free < 99.99%")
    world.change_plan(fill)
    try:
        rolled_back(world, "disk")
    finally:
        world.make_plan()


@case("criterion rollbacks fires")
def rollbacks(world):
    world.change_plan(lambda text: text.replace("rollbacks > 3", "rollbacks > 0"))
    try:
        run = rolled_back(world, "rollbacks", lambda: world.pg_proxy.set("SELECT count(*) FROM leads", "fail", 1))
        expect("abort" not in run.given, "a person had to abort", run)
    finally:
        world.make_plan()


@case("criterion elapsed fires")
def elapsed(world):
    world.change_plan(lambda text: text.replace("estimate 60m", "estimate 500ms"))
    try:
        run = rolled_back(world, "elapsed")
        expect("abort" not in run.given, "a person had to abort", run)
    finally:
        world.make_plan()


# The retirement: held when it fails; a person tries again. The transaction that drops the table happens once.
for text, what in (("DROP TABLE legacy_leads", "apply"), ("SELECT to_regclass('legacy_leads') IS NULL", "verify")):
    for mode in ("fail", "hang"):
        def retire(world, text=text, what=what, mode=mode):
            world.reset()
            world.watch = "100ms"
            run = Run(world, f"retire-{what}-{mode}")
            world.pg_proxy.set(text, mode)
            run.start()
            code = run.finish(seconds=120)
            expect(code == 30 and run.status() == "held", f"ended with {code}, {run.status()}", run)
            if what == "apply":
                expect(world.sql("SELECT count(*) FROM legacy_leads") == "500", "the table was dropped", run)
                world.reset_faults()
                run.rbk("retry", run.id(), "--no-wait")
                run.given.clear()
                run.resume()
                code = run.finish(seconds=120)
                expect(code == 0 and run.status() == "completed", f"then it ended with {code}", run)
        CASES.append((f"retire {what} {mode}s: held", retire))


@case("retire expires and keeps the table")
def retire_expires(world):
    world.change_plan(lambda text: text.replace("approve dba within 288000ms else keep",
                                                "approve dba within 2s else keep"))
    try:
        keeps(world, "retire-silence", "")
    finally:
        world.make_plan()


@case("no strategy is left: stuck, then resolved")
def stuck(world):
    def arrange():
        world.pg_proxy.set("DROP TABLE IF EXISTS leads;", "fail")
        world.break_command("migrate.rollback.from_backup.2.restore.2.restore.1", "fail")
    run = rolled_back(world, "stuck", policy={"retire.approve.1": ""}, expected=20, status="stuck",
                      on_turn=abort_after_open(world, arrange))
    # A person mends what was wrong and lets it try again.
    world.reset_faults()
    run.rbk("retry", run.id(), "--no-wait")
    run.resume()
    code = run.finish()
    expect(code == 10, f"after the retry it ended with {code}", run)
    expect(world.sql("SELECT count(*) FROM legacy_leads") == "500", "the rows are not back", run)


def main():
    part, parts, names = share(sys.argv[1:])
    return play([case for case in CASES[part::parts] if not names or case[0] in names], World())


if __name__ == "__main__":
    sys.exit(main())
