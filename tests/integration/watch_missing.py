"""No data is not good data: every source of a trigger gives nothing, or no number, or what is old, or is dead, in the
phases in which the trigger is armed, and before the start. Cases of watch_test.py."""

import re

from watch_run import WatchRun, start
from watch_walks import VISITED, WATCHED, walk
from world import wait_for


class Loss:
    """How a source is lost and found again, and which triggers then have nothing to go by."""

    name = ""

    def __init__(self, triggers, begin, end=None):
        self.triggers, self.begin = triggers, begin
        self.end = end or (lambda world: world.control(traffic=True, timed=True, hidden=(), scraped=True, hang=(),
                                                       cut=()))


def knobs(*triggers, **values):
    return Loss(triggers, lambda world: world.control(**values))


def revive(world):
    world.start_again("prometheus")
    world.settle()


BOTH = ("errors", "slow")
METRICS = {
    "no sample of errors": knobs("errors", hidden=("http_requests_total",)),
    "NaN for errors": knobs("errors", traffic=False),
    "no sample of p99": knobs("slow", hidden=("http_seconds",)),
    "NaN for p99": knobs("slow", timed=False),
    "stale series": knobs(*BOTH, scraped=False),
    "dead Prometheus": Loss(BOTH, lambda world: world.kill_server("prometheus"), revive),
    "Prometheus that hangs": Loss(BOTH, lambda world: world.freeze_prometheus(),
                                  lambda world: world.thaw_prometheus()),
}


for each in METRICS:
    METRICS[each].name = each


def missed(run, trigger, since):
    return run.fires(trigger, "missing", since=since)


def counts(now):
    return {each["trigger"]: each["fired"] for each in now["triggers"] if each["fired"]}


def held_then_paused(loss, phases):
    """`missing hold 5m then pause`, in each of the phases; then the data is back and somebody lets the run go on."""
    def run_case(world):
        def at(run, phase):
            mark, was = run.mark(), run.now()["status"]
            loss.begin(world)
            for trigger in loss.triggers:
                missed(run, trigger, mark)
            paused = run.reached("paused", since=mark)
            cause = run.now()["cause"]
            assert cause in [f"trigger {trigger} could not be read" for trigger in loss.triggers], cause
            assert paused["kind"] == "time", "it paused before the hold was over"
            loss.end(world)
            for trigger in loss.triggers:
                run.fires(trigger, "false", since=mark)
            mark = run.mark()
            run.tell("continue")
            run.until(lambda event: event["kind"] == "command" and event["status"] == was, f"{was} again", since=mark)
        done = walk(world, at, phases, 10 if "hangs" in loss.name else 6)
        # One that was stopped first answers with what it last recorded, and only then finds that it has nothing newer.
        often = counts(done)
        assert set(often) == set(loss.triggers) and min(often.values()) == len(phases), often
        assert "hangs" in loss.name or max(often.values()) == len(phases), often
    return run_case


def comes_back(loss):
    """What comes back before the hold is over has done nothing."""
    def run_case(world):
        run = start(world, "observe", leave=["hold"])
        try:
            mark = run.mark()
            loss.begin(world)
            for trigger in loss.triggers:
                missed(run, trigger, mark)
            loss.end(world)
            for trigger in loss.triggers:
                run.fires(trigger, "false", since=mark)
            now = run.now()
            assert (now["status"], now["questions"]) == ("observing", []), run.tail()
            assert all(each["mode"] == "quiet" for each in now["triggers"]), now["triggers"]
        finally:
            run.close()
    return run_case


def not_started(loss, said, leave=()):
    """The run is held before its first effect and says what gave nothing; once it is back a retry starts it, also
    where the next reading would be far away (the cuts in `leave` are not made)."""
    def run_case(world):
        world.reset()
        loss.begin(world)
        wait_for(lambda: not (world.settled() and world.disk_there()), what="the loss to show")
        run = WatchRun(world, leave=leave)
        try:
            run.begin()
            held = run.reached("held", seconds=25)
            assert all(re.search(words, held["message"]) for words in said), f"{said} not in {held['message']}"
            assert not run.all(lambda event: event.get("stage") == "stop_writes" and event["kind"] == "result"), held
            assert world.replicas() == "3" and run.now()["stages"][0]["touched"] is False
            loss.end(world)
            world.settle()
            mark = run.mark()
            run.tell("retry")
            run.stepped("plan.require.1", since=mark)
            run.tell("answer", "plan.approve.1", "yes")
            run.until(lambda event: event.get("step") == "stop_writes.verify.1", "the first stage", since=mark,
                      seconds=25)
        finally:
            run.close()
    return run_case


def unhealthy_missing(phase, **values):
    """No answer about the health aborts at once."""
    def run_case(world):
        run = start(world, phase)
        try:
            mark = run.mark()
            world.control(**values)
            missed(run, "unhealthy", mark)
            run.reached("aborting", since=mark)
            world.control(hang=(), cut=())
            run.ends_as_before()
            assert run.now()["cause"] == "trigger unhealthy could not be read", f"{run.now()['cause']}\n{run.tail()}"
        finally:
            run.close()
    return run_case


def disk_missing(world):
    """A disk that cannot be read is told of, in every phase, and nothing else."""
    def at(run, phase):
        mark, was, told = run.mark(), run.now()["status"], len(world.messages())
        world.lose_disk()
        missed(run, "disk", mark)
        wait_for(lambda: len(world.messages()) > told, what="the message")
        assert "disk" in world.messages()[-1]["text"], world.messages()
        world.free_disk()
        run.fires("disk", "false", since=mark)
        assert run.now()["status"] == was
    done = walk(world, at, VISITED)
    assert counts(done) == {"disk": 10}, counts(done)


def corrupt_missing(world):
    """SQL that fails, a connection that is cut, a server that does not answer: what is not said is `pause`."""
    modes = ["fail", "cut", "hang", "fail"]

    def at(run, phase):
        mark, was = run.mark(), run.now()["status"]
        world.pg_proxy.set("coalesce(avg((email", modes.pop(0))
        missed(run, "corrupt", mark)
        run.reached("paused", since=mark)
        assert run.now()["cause"] == "trigger corrupt could not be read", run.now()["cause"]
        run.fires("corrupt", "false", since=mark)
        mark = run.mark()
        run.tell("continue")
        run.until(lambda event: event["kind"] == "command" and event["status"] == was, f"{was} again", since=mark)
    done = walk(world, at, WATCHED)
    assert counts(done) == {"corrupt": 4}, counts(done)


def alert_waits(name):
    """Alerts are pushed, so that silence is no loss; one that fires while a server on its way is dead comes later."""
    def run_case(world):
        run = start(world, "observe")
        try:
            mark = run.mark()
            world.kill_server(name)
            world.control(page=1)
            wait_for(lambda: world.ask('ALERTS{alertstate="firing"}') is not None, what="the alert to fire")
            assert run.now()["status"] == "observing" and not counts(run.now())
            world.start_again(name)
            run.fires("alerted", since=mark)
            world.control(page=0)
            code = run.wait()
            assert code == 10 and counts(run.now()) == {"alerted": 1}, f"{code}\n{run.tail()}"
        finally:
            run.close()
    return run_case


def alert_of_a_dead_prometheus(world):
    """Without Prometheus nobody says that anything is wrong, which is no reading, and no loss of one either; the
    alert comes when it is back."""
    run = start(world, "observe", leave=["hold"])
    try:
        world.kill_server("prometheus")
        for trigger in ("errors", "slow"):
            missed(run, trigger, 0)
        world.control(page=1)
        assert run.now()["status"] == "observing" and "alerted" not in counts(run.now()), run.tail()
        mark = run.mark()
        world.start_again("prometheus")
        run.fires("alerted", since=mark)
        run.until(lambda event: event.get("status") in ("aborting", "aborted"), "an abort", since=mark)
        world.control(page=0)
        code = run.wait()
        assert code == 10 and counts(run.now())["alerted"] == 1, f"{code}\n{run.tail()}"
    finally:
        run.close()


def held_on_beside(loss, phase):
    """Where a check waits, the run stands still, or asks already: `missing hold … then pause` comes beside that."""
    def run_case(world):
        run = start(world, phase)
        try:
            mark, asked = run.mark(), run.now()["questions"]
            loss.begin(world)
            for trigger in loss.triggers:
                missed(run, trigger, mark)
            run.until(lambda event: event["kind"] == "time", "the end of the hold", since=mark)
            assert run.now()["status"] == "paused", run.tail()
            assert [each["question"] for each in run.now()["questions"]] == [each["question"] for each in asked]
            loss.end(world)
            for trigger in loss.triggers:
                run.fires(trigger, "false", since=mark)
            run.tell("abort")
            run.ends_as_before()
        finally:
            run.close()
    return run_case


def alert_without_runner(phase):
    """An alert that came while no runner lived is the first thing the next one reacts to."""
    def run_case(world):
        run = start(world, phase)
        try:
            run.crash()
            sent = world.posted()
            world.control(page=1)
            wait_for(lambda: world.posted() > sent, what="Alertmanager to have sent it")
            mark = run.mark()
            run.drive("resume", run.id)
            run.fires("alerted", since=mark)
            run.until(lambda event: event.get("status") in ("aborting", "aborted"), "an abort", since=mark)
            world.control(page=0)
            run.ends_as_before()
            assert counts(run.now())["alerted"] == 1, run.tail()
            assert world.held_and_alive() == set(), world.held_and_alive()
        finally:
            run.close()
    return run_case


def question_without_runner(world):
    """What a trigger asks is asked by the next runner too, once, and answered there."""
    run = start(world, "question, errors")
    try:
        run.crash()
        mark = run.mark()
        run.drive("resume", run.id)
        run.until(lambda event: event["kind"] == "trigger" or any("trigger.errors" in line["text"] for line in
                                                                event.get("lines", [])), "the question", since=mark)
        assert not run.all(lambda event: event["kind"] == "trigger" and event["seq"] > run.events[mark - 1]["seq"])
        run.tell("answer", "trigger.errors", "yes")
        code = run.wait()
        assert code == 10 and counts(run.now()) == {"errors": 1}, f"{code}\n{run.tail()}"
    finally:
        run.close()


# (Its own verification ends open_traffic when p99 cannot be read: no trigger has to.)
UNVERIFIED = tuple(phase for phase in WATCHED if phase != "verify open_traffic")


def losses():
    """(name, case) pairs."""
    cases = [(f"{name}: hold, then pause", held_then_paused(loss, UNVERIFIED if "slow" in loss.triggers else WATCHED))
             for name, loss in METRICS.items()]
    cases += [(f"{name}: back before the hold is over", comes_back(METRICS[name]))
              for name in ("no sample of errors", "NaN for p99", "stale series")]
    cases += [(f"{name}: does not start", not_started(METRICS[name], ("p99 gave 0 readings", words)))
              for name, words in (("no sample of p99", "0 samples, where one is needed"),
                                  ("NaN for p99", "the sample is NaN"),
                                  ("stale series", "0 samples, where one is needed"),
                                  ("dead Prometheus", "onnect"), ("Prometheus that hangs", "timed out|not answered"))]
    disk = Loss(["disk"], lambda world: world.lose_disk(), lambda world: world.free_disk())
    cases += [("a disk that is not there: does not start", not_started(disk, ("disk_free", "no such file"), ["disk"])),
              ("a disk that is not there: told of in every phase", disk_missing),
              ("rows that cannot be read: pause", corrupt_missing),
              ("an alert waits for Alertmanager", alert_waits("alertmanager")),
              ("an alert waits for rbk serve", alert_waits("serve")),
              ("an alert waits for Prometheus", alert_of_a_dead_prometheus)]
    cases += [(f"{name}: {phase}", held_on_beside(METRICS[name], phase))
              for name, phase in (("NaN for errors", "check open_traffic"), ("NaN for p99", "check open_traffic"),
                                  ("stale series", "paused, open_traffic"), ("no sample of p99", "paused, observe"),
                                  ("NaN for errors", "question"), ("no sample of p99", "question, errors"))]
    cases += [(f"an alert waits for a runner in {phase}", alert_without_runner(phase))
              for phase in ("apply stop_writes", "gate", "apply migrate", "between", "apply open_traffic", "observe")]
    cases += [("a question waits for a runner", question_without_runner)]
    cases += [(f"health does not answer in {phase}: abort", unhealthy_missing(phase, hang=("/health",)))
              for phase in ("observe", "paused, observe")]
    cases += [(f"health is cut off in {phase}: abort", unhealthy_missing(phase, cut=("/health",)))
              for phase in ("question", "grace")]
    return cases
