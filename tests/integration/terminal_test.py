#!/usr/bin/env python3
"""What a person sees: the live view in real terminals (tmux), compared with captures that were looked at.

tests/golden/terminal/cutover.rbk stands still in each state that is captured: at a question, in steps that wait
for a named pipe, in a rollback, and stuck. The captures are tests/golden/terminal/STATE.COLUMNSxROWS[.colour].txt;
`--update` writes them. Escapes are written as `\\e`, times as TT.
"""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
import unicodedata

from box import BIN, SOURCE, Box, check, main, side_by_side
from world import wait_for
from terminal_screen import SECONDS, SGR, USER, Screen, block, normal, of_others

GOLDEN = os.path.join(SOURCE, "tests", "golden", "terminal")
UPDATE = "--update" in sys.argv
HEAD = "lead_cutover  Legacy"

TWO_STEPS = """plan two_steps {
    title "Two steps"
    rollback within 1m
    stage only "The only stage" {
        kind configuration
        risk low
        unwatched because "a test"
        apply within 1m {
            shell "touch on; read -r word <go; printf 'told: %s' \\"$word\\" >first" timeout 40s idempotent
            run "touch second" timeout 5s idempotent
        }
        verify within 10s { check "second is there" file.exists("second") }
        rollback within 30s {
            run "rm -f first second" timeout 5s idempotent
            verify { check "both are gone" not file.exists("second") }
        }
    }
}
"""


def as_kept(text):
    """A normal text, as golden captures are."""
    if HEAD in SGR.sub("", text):  # a picture, not the log
        text = of_others(text, HEAD)
    else:
        text = re.sub(rf"\b{re.escape(USER)}\b", "root", text)
    return text.replace("\x1b", "\\e")


def kept(name):
    with open(os.path.join(GOLDEN, name + ".txt"), encoding="utf-8") as file:
        wanted = file.read()
    if len(USER) != len("root") and HEAD in SGR.sub("", wanted.replace("\\e", "\x1b")):
        wanted = block(wanted.replace("\\e", "\x1b"), HEAD).replace("\x1b", "\\e")
    return wanted


def keep(name, text):
    with open(os.path.join(GOLDEN, name + ".txt"), "w", encoding="utf-8") as file:
        file.write(as_kept(text))


def compare(name, text):
    """With the golden capture of this name."""
    if UPDATE:
        keep(name, text)
        return
    text, wanted = as_kept(text), kept(name)
    check(text == wanted, f"{name} differs; expected:\n{wanted}\ngot:\n{text}")


def comes_to(name, screen, texts):
    """Wait for the golden capture of this name, with these texts in it where times and values are left out. Gives it,
    colours and all."""
    if UPDATE:
        coloured = screen.still(*texts)[0]
        keep(name, coloured)
        return coloured
    wanted, last = kept(name), [""]

    def there():
        seen = screen.capture(colour=True)
        plain, last[0] = SGR.sub("", seen), normal(seen)
        try:
            return last[0] if all(text in plain for text in texts) and as_kept(last[0]) == wanted else None
        except IndexError:  # between two pictures there is no block
            return None
    try:
        return screen.until(there, name)
    except AssertionError as error:
        raise AssertionError(f"{name} does not come; expected:\n{wanted}\ngot:\n{last[0]}") from error


def write(path, word):
    """To a step that waits for it at a named pipe."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            end = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
            break
        except OSError:  # nobody reads yet
            check(time.monotonic() < deadline, f"nobody reads {path}")
            time.sleep(0.02)
    os.write(end, word.encode() + b"\n")
    os.close(end)


class Cutover:
    """The plan of the captures, under way in a terminal."""

    def __init__(self, box, columns, rows, env=None):
        with open(os.path.join(GOLDEN, "cutover.rbk"), "rb") as file:
            box.write("cutover.rbk", file.read())
        self.box = box
        self.database = sqlite3.connect(box.path("leads.db"), isolation_level=None)
        self.database.executescript(
            "CREATE TABLE legacy_leads (id INTEGER); INSERT INTO legacy_leads VALUES (1), (2), (3);"
            "CREATE TABLE health (errors, p99, disk, drained); INSERT INTO health VALUES (0.021, '400ms', 0.62, 0.4);"
            "CREATE TABLE replica (lag); INSERT INTO replica VALUES ('4s');")
        for pipe in ("copy", "back"):
            os.mkfifo(box.path(pipe))
        self.screen = Screen(box, columns, rows, env).open("rbk", "run", "cutover.rbk")
        self.screen.shows("Go ahead with migrate")

    def rbk(self, verb, *words):
        done = self.box.run("rbk", verb, self.box.run_id(), *words)
        check(done.status == 0, done)
        return done.out.decode()

    def write(self, pipe, word):
        write(self.box.path(pipe), word)

    # Each goes on to a state, and gives what is to be seen there.

    def question(self):
        return "Go ahead with migrate", "rbk deny", "400ms", "5 of 5 triggers armed"

    def run(self):
        self.rbk("approve")
        self.write("copy", "north")
        self.screen.shows("2 of 3: shell")
        self.database.execute("DELETE FROM replica")
        self.database.execute("UPDATE health SET p99 = '950ms'")
        return "2 of 3: shell", "950ms", "pause in", "holds for"

    def wait(self):
        self.database.execute("INSERT INTO replica VALUES ('4s')")
        self.database.execute("UPDATE health SET p99 = '400ms', disk = 0.115")
        self.screen.shows("replica is quiet again")
        self.write("copy", "south")
        self.screen.shows("3 of 3: shell")
        self.write("copy", "east")
        return "try 2 of 3 in", "] 40% wait", "4s ", "400ms", "11.5%"

    def abort(self):
        self.rbk("abort", "--reason", "error rate climbs, see the dashboard")
        return "aborting", "read -r word <back", "why: asked for by"

    def stuck(self):
        self.write("back", "no")
        return "stuck", "rbk resolve", "exit status 1"

    def close(self):
        self.database.close()
        self.screen.close()


STATES = ("question", "run", "wait", "abort", "stuck")


def worst_way_back_is_the_compilers(cutover, picture, stage):
    """What the picture says it takes, and what rbkc says, in seconds."""
    said = re.search(r"back in ((?:\d+[hms] ?)+) at worst", picture)
    check(said, picture)
    seconds = sum(int(number) * {"h": 3600, "m": 60, "s": 1}[unit]
                  for number, unit in re.findall(r"(\d+)([hms])", said.group(1)))
    times = json.loads(cutover.box.run("rbkc", "times", "--format=json", "cutover.rbk").out)
    total_ms = next(each["total_ms"] for each in times["abort_points"] if each.get("stage") == stage)
    check(seconds * 1000 == total_ms, f"{stage}: {said.group()}, rbkc says {total_ms} ms")


def status_has_the_rows_of(cutover, picture, count):
    """Stages, steps under way, triggers: what their runner knows, too."""
    rows = [line for line in block(picture, HEAD).split("\n")
            if re.match(r" [✓▶·↺✗!] |     (check |\[|run |shell |\d of )|   (errors|slow|disk|replica|alerted) ", line)]
    check(len(rows) == count, picture)

    def told():
        """The readings come from the runner once a second."""
        text = normal(cutover.rbk("status"))
        return text if all(row in text for row in rows) else None
    text = wait_for(told, SECONDS, f"{rows} in rbk status:\n{cutover.rbk('status')}")
    check(re.search("back in (6m 10s|8m) at worst|back only by a person", text), text)


def captured(setting):
    """One run through all states, in a box of its own."""
    columns, rows, env, suffix, full = setting
    box = Box()
    try:
        cutover = Cutover(box, columns, rows, env)
        try:
            for state in STATES:
                texts = getattr(cutover, state)()
                coloured = comes_to(f"{state}.{columns}x{rows}{suffix}", cutover.screen, texts)
                plain = SGR.sub("", coloured)
                for line in plain.split("\n"):
                    check(len(line) <= columns, f"{state}: wider than {columns}: {line}")
                check(env is None or coloured == plain, f"{state}: colours in spite of NO_COLOR")
                if full and state == "run":
                    worst_way_back_is_the_compilers(cutover, plain, "migrate")
                if full and state in ("run", "wait", "stuck"):
                    status_has_the_rows_of(cutover, plain, {"run": 10, "wait": 12, "stuck": 5}[state])
        finally:
            cutover.close()
    finally:
        box.close()


def captures_are_what_was_looked_at(_):
    """And of one of them: what `rbk status` says from elsewhere, and how long rbkc says that the way back takes."""
    side_by_side(captured, [(80, 24, None, ".colour", False), (80, 24, {"NO_COLOR": "1"}, "", False),
                            (200, 50, None, ".colour", False), (200, 50, {"NO_COLOR": "1"}, "", True)], workers=4)


def status_shows_windows_counts_and_own_readings(box):
    """Each trigger that has a number gets its bar, in the picture, in another terminal and for programs."""
    text = TWO_STEPS.replace('rollback within 1m\n', """rollback within 1m
    connection db = sqlite("seen.db")
    probe errors = sql.ratio(db, "SELECT errors FROM seen")      every 1h timeout 2s
    probe rows   = sql.value(db, "SELECT rows FROM seen") as int every 200ms timeout 2s
    probe mode   = sql.value(db, "SELECT mode FROM seen")        every 1h timeout 2s
    trigger mean    when avg(errors, 3h) > 4%              then pause  missing then pause
    trigger peak    when max(rows, 3m) >= 40               then pause  missing then pause
    trigger many    when rows > 5 for 900 readings         then pause  missing then pause
    trigger changed when mode != "calm"                    then pause  missing then pause
""", 1)
    text = text.replace("apply within 1m {", """trigger grown when file.size("grown") > 400B every 1h then pause missing then pause
        trigger lost when file.size("nowhere") > 1KiB every 1h then pause missing hold 1h then pause
        apply within 1m {""", 1)
    database = sqlite3.connect(box.path("seen.db"), isolation_level=None)
    database.executescript("CREATE TABLE seen (errors, rows, mode); INSERT INTO seen VALUES (0.01, 10, 'calm');")
    database.close()
    box.write("grown", b"x" * 100)
    run = TwoSteps(box, 120, 30, {"NO_COLOR": "1"}, text=text)
    try:
        counted = re.compile(r"holds in ([1-9]\d*) of 900 readings")
        picture = run.screen.until(
            lambda: (lambda seen: seen if counted.search(seen) and "pause in" in seen and "100B" in seen else None)(
                run.screen.capture()), "a count")
        rows = [counted.sub("counted", line).rstrip() for line in normal(picture).split("\n")
                if re.match(r" [ !] (mean|peak|many|changed|grown|lost)", line)]
        check(len(rows) == 6, picture)
        check([row.count("█") for row in rows] == [4, 4, 14, 0, 4, 0] and "calm" in rows[3] and "no reading" in rows[5],
              picture)

        def told():
            text = counted.sub("counted", normal(box.run("rbk", "status", box.run_id()).out.decode()))
            return text if all(row in text.split("\n") for row in rows) else None
        wait_for(told, SECONDS, f"{rows} in rbk status")
        readings = json.loads(box.run("rbk", "status", "--json", box.run_id()).out)["readings"]["triggers"]
        seen = {each["trigger"]: each for each in readings}
        check(seen["mean"]["share"] == 0.25 and seen["mean"]["threshold"] == "> 4%" and
              seen["mean"]["distance"] == "3% below 4%" and seen["mean"]["reading"] == "1%", seen["mean"])
        check(seen["many"]["true_readings"] >= int(counted.search(picture).group(1)), seen["many"])
        check(seen["grown"]["share"] == 0.25, seen["grown"])
        check("reading" not in seen["lost"] and seen["lost"]["threshold"] == "> 1KiB", seen["lost"])
    finally:
        run.close()


class TwoSteps:
    """A plan of one stage whose first step waits for the pipe `go`, under way in a terminal."""

    def __init__(self, box, columns, rows, env=None, text=TWO_STEPS, words=("rbk", "run", "plan.rbk")):
        box.write("plan.rbk", text)
        os.mkfifo(box.path("go"))
        self.box = box
        self.screen = Screen(box, columns, rows, env).open(*words)

    def go(self):
        write(self.box.path("go"), "now")

    def started(self):
        """The first step is under way in its shell."""
        wait_for(lambda: os.path.exists(self.box.path("on")), SECONDS, "the first step")

    def status(self):
        rows = self.box.query("SELECT status FROM runs")
        return rows[0][0] if rows else None

    def close(self):
        self.screen.close()


def resizing_leaves_one_block_and_all_of_the_log(box):
    run = TwoSteps(box, 80, 24)
    try:
        run.screen.shows("▶ only", "of 40s")
        for columns, rows in ((50, 24), (120, 40), (80, 24)):
            run.screen.resize(columns, rows)
            seen = run.screen.still("▶ only", "back in 40s at worst")[1]
            check(seen.count("▶ only") == 1 and seen.count("run 2026") == 1, seen)
            check(all(len(line) < columns for line in seen.split("\n")), seen)
        # Where not even the block of before fits, some of it has scrolled away for good; what is drawn fits.
        for columns, rows in ((20, 5), (31, 9)):
            run.screen.resize(columns, rows)
            seen = run.screen.still("running", "▶ only")[1]
            check(len(seen.rstrip().split("\n")) <= rows, seen)
        run.screen.resize(80, 24)
        seen = block(run.screen.still("▶ only", "back in 40s at worst")[1], "two_steps  ")
        check(seen.count("▶ only") == 1 and seen.count("run 2026") == 1, seen)
        run.go()
        run.screen.shows("ended with 0")
        seen = run.screen.capture(all_of_it=True)
        check(seen.count("stands applied and verified") == 1, seen)
    finally:
        run.close()


def ctrl_z_leaves_a_tidy_terminal_and_fg_goes_on(box):
    box.write("rc", "PS1='here> '\n")
    run = TwoSteps(box, 80, 24, words=("bash", "--rcfile", "rc", "-i"))
    try:
        run.screen.shows("here>")
        run.screen.keys("rbk run plan.rbk", "Enter")
        run.screen.shows("▶ only")
        run.screen.keys("C-z")
        run.screen.shows("Stopped")
        seen = run.screen.capture()
        check("▶ only" not in seen and "applying, within 1m" in seen, seen)
        run.screen.keys("bg", "Enter")
        run.screen.keys("echo still $((6 * 7))", "Enter")
        run.screen.shows("still 42")
        check("▶ only" not in run.screen.capture(), run.screen.capture())
        run.screen.keys("fg", "Enter")
        run.screen.shows("▶ only")
        run.go()
        run.screen.shows("stands applied and verified", "here>")
        seen = run.screen.capture()
        check("▶ only" not in seen and "still 42" in seen, seen)
        check(run.status() == "completed", run.status())
    finally:
        run.close()


def not_driven(done):
    return None if b"is driven by" in done.text else done


def a_terminal_that_is_gone_pauses_the_run_and_loses_nothing(box):
    run = TwoSteps(box, 80, 24)
    try:
        run.screen.shows("▶ only")
        run.close()  # the terminal hangs up
        wait_for(lambda: run.status() == "paused", SECONDS, "a paused run")
        run.go()
        # The runner stops when its step has ended.
        done = wait_for(lambda: not_driven(box.run("rbk", "resume", box.run_id())), SECONDS, "the runner's end")
        check(done.status == 0, done)
        check(box.read("first") == b"told: now", box.read("first"))
        check(run.status() == "completed", run.status())
    finally:
        run.close()


def hanging_up_twice_is_hanging_up(box):
    box.write("plan.rbk", TWO_STEPS)
    os.mkfifo(box.path("go"))
    process = box.start("rbk", "run", "plan.rbk")
    try:
        wait_for(lambda: os.path.exists(box.path("on")), SECONDS, "the first step")
        process.send_signal(signal.SIGHUP)
        wait_for(lambda: box.query("SELECT status FROM runs") == [("paused",)], SECONDS, "a paused run")
        process.send_signal(signal.SIGHUP)
        write(box.path("go"), "now")
        out, _ = process.communicate(timeout=SECONDS)
        # It waited for the step, whose result it has told: a second Ctrl-C would have stopped it before.
        check(process.returncode == 30 and b">first\" ok" in out, out)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def a_runner_that_is_killed_leaves_a_usable_terminal(box):
    run = TwoSteps(box, 80, 24)
    try:
        run.screen.shows("▶ only")
        run.started()
        child = int(run.screen.tmux("list-panes", "-F", "#{pane_pid}"))
        with open(f"/proc/{child}/task/{child}/children", encoding="ascii") as file:
            runner = int(file.read().split()[0])
        os.kill(runner, signal.SIGKILL)
        run.screen.shows("ended with 137")
        check(run.screen.says("cursor_flag") == "1" and run.screen.says("alternate_on") == "0", "the cursor is gone")
        seen = run.screen.capture().rstrip().split("\n")
        check(seen[-1] == "ended with 137", seen)
        run.go()
        check(box.run("rbk", "resume", box.run_id()).status == 0, "cannot be resumed")
    finally:
        run.close()


def a_run_that_waits_writes_next_to_nothing(box):
    box.write("plan.rbk", TWO_STEPS)
    os.mkfifo(box.path("go"))
    ours, theirs = os.openpty()
    process = subprocess.Popen([os.path.join(BIN, "rbk"), "run", "plan.rbk"], cwd=box.folder, stdin=subprocess.DEVNULL,
                               env={**box.env, "TERM": "xterm-256color"}, stdout=theirs, stderr=theirs)
    os.close(theirs)
    os.set_blocking(ours, False)

    def read():
        try:
            return os.read(ours, 1 << 16)
        except BlockingIOError:
            return b""

    try:
        text, deadline = b"", time.monotonic() + 20
        while b"only" not in text or b"of 40s" not in text:
            check(time.monotonic() < deadline, text)
            text += read()
            time.sleep(0.02)
        time.sleep(0.3)
        read()
        # Two seconds of clocks that go on: three lines change in each.
        total, pieces, until = 0, 0, time.monotonic() + 2
        while time.monotonic() < until:
            piece = read()
            total, pieces = total + len(piece), pieces + (1 if piece else 0)
            time.sleep(0.01)
        check(0 < total < 2 * 600, f"{total} bytes in two seconds")
        check(pieces <= 8, f"{pieces} pictures in two seconds")
        write(box.path("go"), "now")
        check(process.wait(20) == 0, process.returncode)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(ours)


def elsewhere_the_story_comes_in_plain_lines(box):
    box.write("plan.rbk", TWO_STEPS)
    os.mkfifo(box.path("go"))
    process = box.start("rbk", "run", "plan.rbk", env={"TERM": "xterm-256color"}, stderr=subprocess.STDOUT)
    write(box.path("go"), "now")
    out = process.communicate(timeout=20)[0].decode()
    check(process.returncode == 0 and "\x1b" not in out, out)
    compare("piped", normal(out))
    compare("log", normal(box.run("rbk", "log", box.run_id()).out.decode()))
    run = TwoSteps(Sub(box, "dumb"), 80, 24, {"TERM": "dumb"})
    try:
        run.screen.shows("applying, within 1m")
        run.go()
        run.screen.shows("ended with 0")
        seen = run.screen.capture(colour=True, all_of_it=True)
        check("▶" not in seen and "\x1b" not in seen, seen)
    finally:
        run.close()


def columns_of(text):
    """How many a terminal needs."""
    return sum(0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1
               for each in text)


def a_held_run_says_what_failed_and_what_leads_on(box):
    text = TWO_STEPS.replace('file.exists("second") }\n        rollback', 'file.exists("third") }\n        rollback')
    run = TwoSteps(box, 80, 24, {"NO_COLOR": "1"}, text=text)
    try:
        run.go()
        compare("held.80x24", run.screen.still("held", "rbk retry", "rbk cancel")[1])
    finally:
        run.close()


def messages_that_are_not_sent_are_told_of(box):
    text = TWO_STEPS.replace("plan two_steps {", """plan two_steps {
    secret hook from env "HOOK"
    channel incident = http.webhook(hook)
    on start { notify incident "it starts" }""")
    run = TwoSteps(box, 80, 24, {"HOOK": "http://127.0.0.1:1/"}, text="use std.http\n" + text)
    try:
        run.screen.shows("1 message not sent yet: ", "▶ only")
        run.screen.keys("C-c")
        run.screen.shows("Ctrl-C: pauses after this step")
    finally:
        run.close()


def messages_that_are_set_aside_are_told_of(box):
    text = TWO_STEPS.replace("plan two_steps {", """plan two_steps {
    channel mine = command.program("./refuses")
    on start { notify mine "it starts" }""")
    box.write("refuses", "#!/bin/sh\nexit 65\n")
    os.chmod(box.path("refuses"), 0o755)
    run = TwoSteps(box, 80, 24, {"RBK_TEST_REFUSED_PAUSE_MS": "10"}, text="use std.command\n" + text)
    try:
        run.screen.shows("1 message refused, and set aside; rbk status says why", "▶ only")
        run.screen.keys("C-c")
        run.screen.shows("Ctrl-C: pauses after this step")
    finally:
        run.close()


def names_of_any_width_stay_in_their_columns(box):
    wide = TWO_STEPS.replace("Two steps", "漢字の移行 e\u0301\u0301 " + "長い" * 60) \
                    .replace("The only stage", "移行段階" * 30).replace("stage only", "stage " + "o" * 60) \
                    .replace("told: %s", "\\\\033[2J\\\\033[31mred %s")
    for columns, locale in ((80, "C.UTF-8"), (40, "C.UTF-8"), (80, "C")):
        each = Sub(box, f"{columns}{locale}")
        run = TwoSteps(each, columns, 24, {"LC_ALL": locale}, text=wide)
        try:
            seen = run.screen.still("two_steps", "running")[1]
            check(seen.count("two_steps  ") == 1 and seen.count("running") >= 1, seen)
            check(locale != "C" or "[---" in seen, seen)
            check(all(columns_of(line) <= columns for line in seen.split("\n")), seen)
            run.go()
            run.screen.shows("ended with 0")
        finally:
            run.close()


def of_a_hundred_stages_those_under_way_are_shown(box):
    stage = TWO_STEPS[TWO_STEPS.index("    stage only"):TWO_STEPS.rindex("}")]
    quick = stage.replace("shell \"touch on; read -r word <go; printf 'told: %s' \\\"$word\\\" >first\" timeout 40s idempotent", "")
    stages = [(stage if i == 87 else quick).replace("stage only \"The only stage\"", f"stage s{i} \"Stage {i}\"")
              for i in range(100)]
    head = TWO_STEPS[:TWO_STEPS.index("    stage only")].replace("within 1m", "within 2h")
    run = TwoSteps(box, 80, 24, text=head + "".join(stages) + "}\n")
    try:
        seen = run.screen.still("▶ s87", "applying")[1]
        check("✓ s86" in seen and "· s88" in seen, seen)
        left_out = re.search(r"… (\d+) more applied, (\d+) waiting", seen)
        check(left_out, seen)
        shown = len(re.findall(r"^ [✓▶·] s\d+", seen, re.M))
        check(int(left_out.group(1)) + int(left_out.group(2)) + shown == 100, seen)
        run.go()
        run.screen.shows("ended with 0")
    finally:
        run.close()


class Sub:
    """A folder of its own in a box, with a store of its own."""

    def __init__(self, box, name):
        self.box, self.folder = box, box.path(name)
        os.mkdir(self.folder)
        self.env = {**box.env, "RBK_STORE": self.path("state/store.db")}

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, data):
        return self.box.write(os.path.join(self.folder, name), data)


TESTS = [captures_are_what_was_looked_at, status_shows_windows_counts_and_own_readings, resizing_leaves_one_block_and_all_of_the_log, ctrl_z_leaves_a_tidy_terminal_and_fg_goes_on,
         a_terminal_that_is_gone_pauses_the_run_and_loses_nothing, hanging_up_twice_is_hanging_up,
         a_runner_that_is_killed_leaves_a_usable_terminal,
         a_run_that_waits_writes_next_to_nothing, elsewhere_the_story_comes_in_plain_lines,
         a_held_run_says_what_failed_and_what_leads_on, messages_that_are_not_sent_are_told_of, messages_that_are_set_aside_are_told_of, names_of_any_width_stay_in_their_columns, of_a_hundred_stages_those_under_way_are_shown]

if __name__ == "__main__":
    main(TESTS)
