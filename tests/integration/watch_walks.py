"""Runs that pass through all phases, and in each of them something fires that lets the run go on: `pause` and then
`rbk continue`, an approval denied, a choice to ignore. Cases of watch_test.py."""

import os

from watch_run import BAD_ROWS, SCALE, STOPS, WatchRun, start
from world import wait_for

# The phases a walk passes; those in which every trigger but `corrupt` and `unhealthy` is armed.
WATCHED = ("apply open_traffic", "verify open_traffic", "observe", "grace")
VISITED = ("apply stop_writes", "verify stop_writes", "gate", "prepare", "apply migrate", "verify migrate", *WATCHED)
PODS, DUMP = "stop_writes.verify.1", "migrate.prepare.1.take.1.dump.1"


def walk(world, at, visits, stay=6):
    """The whole plan, forward, to its end: at(run, phase) is called in each phase of `visits` while the run is kept
    there; in those of open_traffic's verification, `observe` and `grace` it has `stay` seconds for it."""
    def visit(phase):
        if phase in visits:
            at(run, phase)

    def time_in(phase):
        return f"{stay}s" if phase in visits else "200ms"

    world.reset()
    world.hold_command(STOPS)
    run = WatchRun(world, change=[("p99 < 200ms for 5m", f"p99 < 200ms for {time_in('verify open_traffic')}")],
                   leave=["p99 check"], watch=time_in("observe"), stand_by=time_in("grace"))
    try:
        run.begin()
        run.command_is_held()
        visit("apply stop_writes")
        world.hold_command(PODS)
        world.release_command()
        wait_for(lambda: os.path.exists(world.wrappers + "/held") and not os.path.exists(world.wrappers + "/hold"),
                 what="the reading to be held")
        visit("verify stop_writes")
        world.release_command()
        run.stepped(PODS)
        visit("gate")
        world.hold_command(DUMP)
        run.tell("answer", "migrate.approve.1", "yes")
        run.command_is_held()
        visit("prepare")
        world.hold_sql("BEGIN; CREATE TABLE lead_sources ()")
        world.release_command()
        wait_for(world.sql_held, what="a statement to wait")
        visit("apply migrate")
        world.pg_proxy.hold(BAD_ROWS)
        world.release_sql()
        assert world.pg_proxy.held.wait(20), run.tail()
        visit("verify migrate")
        world.hold_command(SCALE)
        world.release_reading()
        run.stepped("migrate.verify.2")
        run.command_is_held()
        visit("apply open_traffic")
        world.release_command()
        run.stepped("open_traffic.apply.1.turn_3.2")
        visit("verify open_traffic")
        run.stepped("open_traffic.verify.1")
        visit("observe")
        run.reached("grace")
        visit("grace")
        retire = run.until(lambda event: any("retire.approve.1" in line["text"] for line in event.get("lines", [])),
                           "the last question")
        visit("retire")
        run.tell("answer", "retire.approve.1", "yes")
        code = run.wait()
        assert code == 0 and retire, f"ended with {code}\n{run.tail()}"
        assert world.sql("SELECT to_regclass('legacy_leads') IS NULL") == "t", "the legacy table is still there"
        return run.now()
    finally:
        run.close()


def pauses(world, run, fault, trigger):
    """It fires, the run pauses, what fired passes, a person lets the run go on where it was."""
    mark, was = run.mark(), run.now()["status"]
    fault.begin(world, run)
    run.fires(trigger, since=mark)
    run.reached("paused", since=mark)
    now = run.now()
    assert (now["status"], now["cause"]) == ("paused", f"trigger {trigger} fired"), f"{now['status']} {now['cause']}"
    fault.end(world, run)
    run.fires(trigger, "false", since=mark)
    mark = run.mark()
    run.tell("continue")
    run.until(lambda event: event["kind"] == "command" and event["status"] == was, f"{was} again", since=mark)


def answered(world, run, fault, trigger, answer, roles):
    """It fires, somebody is asked, and what they say leaves the run where it is."""
    mark = run.mark()
    fault.begin(world, run)
    run.fires(trigger, since=mark)
    assert run.asked_of(mark) == roles
    run.tell("answer", f"trigger.{trigger}", answer)
    answer = run.until(lambda event: event["kind"] == "answer", "the answer", since=mark)
    fault.end(world, run)
    run.fires(trigger, "false", since=mark)
    if answer["status"] == "paused":
        run.tell("continue")


def walks(faults):
    """(name, case) pairs."""
    def disk(world):
        def at(run, phase):
            pauses(world, run, faults["disk"], "disk")
        done = walk(world, at, VISITED)
        fired = {each["trigger"]: each["fired"] for each in done["triggers"]}
        assert fired == {**dict.fromkeys(fired, 0), "disk": 10}, fired

    def asks(trigger, answers):
        def run_case(world):
            left = list(answers)

            def at(run, phase):
                answered(world, run, faults[trigger], trigger, left.pop(0), ["dba"])
            done = walk(world, at, WATCHED)
            fired = {each["trigger"]: each["fired"] for each in done["triggers"]}
            assert not left and fired == {**dict.fromkeys(fired, 0), trigger: len(answers)}, fired
        return run_case

    def past_grace(world):
        """Nothing is armed any more: all at once fires nothing, and the last stage waits for its approval."""
        def at(run, phase):
            for name in ("unhealthy", "errors", "slow", "disk", "alerted", "corrupt"):
                faults[name].begin(world, run)
            wait_for(lambda: (world.ask("job:errors:ratio_rate5m") or 0) > 0.1, what="Prometheus to see it")
            assert not any(each["armed"] for each in run.now()["triggers"]), "something is armed"
        done = walk(world, at, ["retire"])
        assert all(each["fired"] == 0 for each in done["triggers"]), done["triggers"]

    def disk_in(phase):
        def run_case(world):
            run = start(world, phase)
            try:
                pauses(world, run, faults["disk"], "disk")
                run.tell("abort")
                run.ends_as_before()
            finally:
                run.close()
        return run_case

    def disk_while_still(phase):
        """A run that is held or paused already is told of it, and stays where it is."""
        def run_case(world):
            run = start(world, phase)
            try:
                mark, before = run.mark(), run.now()
                faults["disk"].begin(world, run)
                run.fires("disk", since=mark)
                now = run.now()
                assert (now["status"], now["cause"]) == (before["status"], before["cause"]), run.tail()
                run.tell("abort")
                code = run.wait()
                assert code == 10, f"ended with {code}\n{run.tail()}"
            finally:
                run.close()
        return run_case

    def disk_going_back(phase):
        """The stage goes back to its end; the run is held then, and paused where it would go on."""
        def run_case(world):
            run = start(world, phase)
            try:
                mark = run.mark()
                faults["disk"].begin(world, run)
                run.fires("disk", since=mark)
                world.let_go()
                run.reached("held", since=mark)
                world.reset_faults()
                run.fires("disk", "false", since=mark)
                mark = run.mark()
                run.tell("retry")
                run.reached("paused", since=mark)
                assert run.now()["cause"] == "trigger disk fired", run.now()["cause"]
                run.tell("abort")
                run.ends_as_before()
            finally:
                run.close()
        return run_case

    return [("disk pauses in every phase, and the run completes", disk),
            ("errors fires in every phase, denied, and the run completes", asks("errors", ["no"] * 4)),
            ("slow fires in every phase, ignored or paused, and the run completes",
             asks("slow", ["ignore", "pause", "ignore", "pause"])),
            ("past grace nothing fires", past_grace),
            *((f"disk in {phase}", disk_in(phase)) for phase in ("index migrate", "check open_traffic", "question",
                                                                 "question, errors")),
            *((f"disk in {phase} goes back", disk_going_back(f"{phase} goes back"))
              for phase in ("stop_writes", "migrate", "open_traffic")),
            *((f"disk in {phase}", disk_while_still(phase))
              for phase in ("held", "held, stop_writes back", "held, open_traffic back", "between",
                            "paused, open_traffic", "paused, observe"))]
