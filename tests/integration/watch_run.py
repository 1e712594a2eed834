"""A run of plans/lead_cutover in the world of watch_world.py, followed by what its runner says (`--json`, one event
a line), and how to bring it to each of its phases and keep it there.
"""

import json
import os
import re
import shutil
import subprocess
import threading
import time

from world import BIN, PLAN, SOURCE, wait_for

# What makes the plan quick, and nothing else: (text of the plan, what stands for it, how often it is there).
# Every `within`, `timeout` and the estimate stay as they are.
CUTS = {
    "window": ('window   22:00 to 02:00 "Europe/Berlin"', 'window   00:00 to 00:00 "UTC"', 1),
    "health": ("every 5s  timeout 2s", "every 100ms  timeout 2s", 1),
    "metrics": ("every 15s timeout 5s", "every 100ms timeout 2s", 2),
    "disk": ("host.disk_free(data_disk)                       every 30s",
             "host.disk_free(data_disk)                       every 100ms", 1),
    "baseline": ("baseline p99 over 10m", "baseline p99 over 800ms at least 1 readings", 1),
    "average": ("avg(error_rate, 5m)", "avg(error_rate, 500ms)", 1),
    "slow": ("baseline(p99) for 2m", "baseline(p99) for 400ms", 1),
    "hold": ("missing hold 5m then pause", "missing hold 600ms then pause", 2),
    "corrupt": (">= 1% every 30s", ">= 1% every 1s", 1),
    "retries": (" every 5s }", " every 200ms }", 3),
    "errors check": ("for 1m timeout 3m", "for 200ms timeout 3m", 1),
    "p99 check": ("p99 < 200ms for 5m", "p99 < 200ms for 200ms", 1),
}
# Who the people are: the tests answer as the user they run as.
PEOPLE = (r'members "\w+", "\w+"', 'members "{user}"', 2)
USER = subprocess.run(["id", "-un"], stdout=subprocess.PIPE, check=True).stdout.decode().strip()


def quick_plan(leave=(), change=()):
    """The plan's text made quick. @leave: names of cuts that are not made; @change: further (text, other) pairs."""
    with open(os.path.join(PLAN, "plan.rbk")) as file:
        text = file.read()
    pairs = [cut for name, cut in CUTS.items() if name not in leave] + [(old, new, 1) for old, new in change]
    for old, new, times in pairs:
        assert text.count(old) == times, f"the plan has {old!r} {text.count(old)} times"
        text = text.replace(old, new)
    text, count = re.subn(PEOPLE[0], PEOPLE[1].format(user=USER), text)
    assert count == PEOPLE[2], "the plan has other members"
    return text


class WatchRun:
    """One run. Its runner's events are read as they come; wait for one with `until()`."""

    def __init__(self, world, leave=(), change=(), **watch):
        self.world = world
        self.folder = os.path.join(world.folder, "plan-now")
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(PLAN, self.folder)
        with open(os.path.join(self.folder, "plan.rbk"), "w") as file:
            file.write(quick_plan(leave, change))
        self.env = {**world.environment(world.store),
                    "RBK_STDLIB": os.path.join(SOURCE, "stdlib")}
        self.events = []
        self.news = threading.Condition()
        self.id = None
        self.log_at = len(world.server_log())
        self.err = open(os.path.join(world.folder, "runner.err"), "wb+")
        self.drive("run", "plan.rbk", "--unrehearsed", "a test", *world.parameters(**watch))

    def drive(self, *words):
        """A runner."""
        self.ended = False
        self.process = subprocess.Popen([os.path.join(BIN, "rbk"), *words, "--json"], cwd=self.folder, env=self.env,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.err)
        self.listener = threading.Thread(target=self.listen, args=(self.process.stdout,), daemon=True)
        self.listener.start()

    def crash(self):
        """No runner lives any more."""
        self.process.kill()
        self.process.wait()
        self.listener.join(10)

    def listen(self, lines):
        for line in lines:
            if not line.endswith(b"\n"):
                break  # a runner that was killed while it wrote
            event = json.loads(line)
            with self.news:
                self.id = event.get("run", self.id)
                self.events.append(event)
                self.news.notify_all()
        with self.news:
            self.ended = True
            self.news.notify_all()

    # ---- what it does ---------------------------------------------------------------------------

    def until(self, condition, what, seconds=40, since=0):
        """The first event from number `since` on for which the condition holds."""
        deadline = time.monotonic() + seconds
        with self.news:
            seen = since
            while True:
                while seen < len(self.events):
                    if condition(self.events[seen]):
                        return self.events[seen]
                    seen += 1
                left = deadline - time.monotonic()
                if self.ended or left <= 0:
                    raise AssertionError(f"{'it ended without' if self.ended else 'waited for'} {what}\n{self.tail()}")
                self.news.wait(left)

    def stepped(self, step, outcome="ok", **more):
        return self.until(lambda event: event.get("step") == step and event.get("outcome") == outcome,
                          f"{step} {outcome}", **more)

    def reached(self, status, **more):
        return self.until(lambda event: event.get("status") == status, f"status {status}", **more)

    def fires(self, trigger, level="true", **more):
        return self.until(lambda event: event["kind"] == "trigger" and event["trigger"] == trigger
                          and event["level"] == level, f"trigger {trigger} {level}", **more)

    def mark(self):
        """The number of the next event, for `since`."""
        with self.news:
            return len(self.events)

    def all(self, condition):
        with self.news:
            return [event for event in self.events if condition(event)]

    def wait(self, seconds=40):
        """Its exit status."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it did not end in {seconds} s\n{self.tail()}") from None
        with self.news:
            self.news.wait_for(lambda: self.ended, 10)
        return code

    def ends_as_before(self):
        """It ends aborted, and the world is as it was before it."""
        code = self.wait()
        assert code == 10, f"ended with {code}\n{self.tail()}"
        for part, value in self.world.picture().items():
            assert value == self.world.before[part], f"{part} is not as before\n{self.tail()}"

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
            self.world.end_held()
        self.err.close()

    def tail(self):
        lines = [f"{event.get('at', '')[14:23]} {event.get('status')} {event['kind']} {event.get('stage', '')} "
                 + " / ".join(line["text"] for line in event.get("lines", [])) for event in self.events]
        self.err.seek(0)
        errors = [line for line in self.err.read().decode(errors="replace").split("\n") if "RBK142" not in line]
        return "\n".join(lines[-40:] + errors[-3:])

    # ---- people ---------------------------------------------------------------------------------

    def rbk(self, *words):
        done = subprocess.run([os.path.join(BIN, "rbk"), *words], cwd=self.folder, env=self.env, check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.returncode, done.stdout.decode()

    def tell(self, *words):
        """`rbk COMMAND RUN …`, which has to be accepted."""
        code, text = self.rbk(words[0], self.id, *words[1:])
        assert code == 0, f"rbk {' '.join(words)}: {code} {text}\n{self.tail()}"

    def now(self):
        code, text = self.rbk("status", self.id, "--json")
        assert code == 0, text
        return json.loads(text)

    def question(self, name):
        """The roles and the other fields of an open question."""
        open_ones = {each["question"]: each for each in self.now()["questions"]}
        assert name in open_ones, f"{name} is not asked, but {list(open_ones)}\n{self.tail()}"
        return open_ones[name]

    # ---- phases ---------------------------------------------------------------------------------

    def asked_of(self, since):
        """Whom the first question since then asks."""
        pattern = re.compile(r"asked: (.*?); until")
        event = self.until(lambda event: any(pattern.search(line["text"]) for line in event.get("lines", [])),
                           "a question", since=since)
        text = next(found[1] for found in (pattern.search(line["text"]) for line in event["lines"]) if found)
        return re.findall(r"(\w+) <", text)

    def begin(self):
        self.stepped("plan.require.1")
        self.tell("answer", "plan.approve.1", "yes")

    def approve(self):
        self.stepped("stop_writes.verify.1")
        self.tell("answer", "migrate.approve.1", "yes")

    def command_is_held(self):
        wait_for(lambda: self.world.command_held() or self.ended, what="a command to be held")
        assert not self.ended, self.tail()


def hold_command(step):
    def reach(run):
        run.begin()
        if not step.startswith("stop_writes"):
            run.approve()
        run.command_is_held()
    return (lambda world: world.hold_command(step)), reach


def hold_sql(statement):
    def reach(run):
        run.begin()
        run.approve()
        wait_for(run.world.sql_held, what="a statement to wait")
    return (lambda world: world.hold_sql(statement)), reach


def hold_reading(text):
    def reach(run):
        run.begin()
        run.approve()
        assert run.world.pg_proxy.held.wait(20), run.tail()
    return (lambda world: world.pg_proxy.hold(text)), reach


def gate(run):
    run.begin()
    run.stepped("stop_writes.verify.1")


def after(step):
    def reach(run):
        run.begin()
        run.approve()
        run.stepped(step)
    return reach


def paused_between(run):
    PHASES["verify migrate"].reach(run)
    run.tell("pause")
    run.reached("paused")
    run.world.let_go()
    run.stepped("migrate.verify.2")


def paused_inside(run):
    PHASES["apply open_traffic"].reach(run)
    run.tell("pause")
    run.reached("paused")
    run.world.let_go()
    run.stepped(SCALE)


def paused_observing(run):
    PHASES["observe"].reach(run)
    run.tell("pause")
    run.reached("paused")


def held_before(run):
    run.begin()
    run.approve()
    run.reached("held")


def held_with_nothing(run):
    run.begin()
    run.stepped("stop_writes.rollback.verify.1")
    run.reached("held")


def held_behind(run):
    after("migrate.verify.2")(run)
    run.stepped("open_traffic.rollback.verify.1")
    run.reached("held")


def asked(run):
    PHASES["observe"].reach(run)
    run.world.control(p99=5)
    run.fires("slow")


def asked_about_errors(run):
    PHASES["observe"].reach(run)
    run.world.control(error_rate=0.4)
    run.fires("errors")


def undo_is_held(stage, fails, holds):
    """A step of the stage fails, the stage goes back by itself, and is kept at that."""
    def prepare(world):
        world.fail_command(fails)
        world.hold_command(f"{stage}.rollback.{holds}")
    return prepare, hold_command(f"{stage}.rollback.{holds}")[1]


def down_is_held():
    statement = "DROP TABLE IF EXISTS leads"

    def prepare(world):
        world.pg_proxy.hold(statement)
        world.pg_proxy.also("CREATE TABLE lead_sources", "fail")
    return prepare, hold_reading(statement)[1]


class Phase:
    """Where a run can stand: how the world is prepared before it starts, how it gets there, which stages are then
    to be taken back, in this order, and what the plan is like for it."""

    def __init__(self, back, reach, prepare=None, **run):
        self.back, self.reach, self.prepare, self.run = back, reach, prepare, run


STOPS = "stop_writes.apply.1.scale.2"
BAD_ROWS = "coalesce(avg((email"
SCALE = "open_traffic.apply.1.turn_2.1.scale.2"
ALL = ["open_traffic", "migrate", "stop_writes"]
LONG = {"watch": "10m"}


def held_phase(back, hold, **run):
    return Phase(back, hold[1], hold[0], **run)


PHASES = {
    "apply stop_writes": held_phase(ALL[2:], hold_command(STOPS)),
    "verify stop_writes": held_phase(ALL[2:], hold_command("stop_writes.verify.1")),
    "stop_writes goes back": held_phase(ALL[2:], undo_is_held("stop_writes", STOPS, "1.undo_1.scale.1")),
    "held, stop_writes back": Phase([], held_with_nothing, lambda world: world.fail_command(STOPS)),
    "gate": Phase(ALL[2:], gate),
    "prepare": held_phase(ALL[2:], hold_command("migrate.prepare.1.take.1.dump.1")),
    "held": Phase(ALL[2:], held_before, lambda world: world.pg_proxy.set("SELECT count(*) FROM legacy_leads", "fail")),
    # Somebody else is about to make a table of the same name: the server waits for the end of it.
    "apply migrate": held_phase(ALL[1:], hold_sql("BEGIN; CREATE TABLE lead_sources ()")),
    # Somebody else still looks at an older state of the database: building an index concurrently waits for it.
    "index migrate": held_phase(ALL[1:], hold_sql("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1")),
    "verify migrate": held_phase(ALL[1:], hold_reading("SELECT count(*) FROM leads")),
    "migrate goes back": held_phase(ALL[1:], down_is_held()),
    "between": Phase(ALL[1:], paused_between, lambda world: world.pg_proxy.hold(BAD_ROWS)),
    "open_traffic goes back": held_phase(ALL, undo_is_held("open_traffic", SCALE, "1.undo_2.scale.1")),
    "held, open_traffic back": Phase(ALL[1:], held_behind, lambda world: world.fail_command(SCALE)),
    "apply open_traffic": held_phase(ALL, hold_command(SCALE)),
    "check open_traffic": Phase(ALL, after("open_traffic.apply.1.turn_1.1.scale.2"), leave=["errors check"]),
    "paused, open_traffic": Phase(ALL, paused_inside,
                                  lambda world: world.hold_command(SCALE)),
    "verify open_traffic": Phase(ALL, after("open_traffic.apply.1.turn_3.2"), leave=["p99 check"]),
    "observe": Phase(ALL, after("open_traffic.verify.1"), **LONG),
    "paused, observe": Phase(ALL, paused_observing, **LONG),
    "question": Phase(ALL, asked, **LONG),
    "question, errors": Phase(ALL, asked_about_errors, **LONG),
    "grace": Phase(ALL, lambda run: (after("open_traffic.verify.1")(run), run.reached("grace")), stand_by="10m"),
}


def start(world, phase, leave=(), change=(), **more):
    """A run that stands in a phase."""
    row = PHASES[phase]
    world.reset()
    if row.prepare:
        row.prepare(world)
    settings = {**row.run, **more}
    run = WatchRun(world, leave=[*settings.pop("leave", ()), *leave], change=change, **settings)
    try:
        row.reach(run)
    except BaseException:
        run.close()
        raise
    return run
