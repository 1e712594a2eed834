#!/usr/bin/env python3
"""The hours of stages: windows by days and `not before` by the clock of a zone, on nights when clocks are changed,
and on hosts that do not know the zone.

A zone's table is made for the case (TZDIR), so that its clocks show what the case needs now, to the second.

    hours_test.py [--keep] [CASE...]
"""

import os
import shutil
import signal
import struct
import time

from scene import CHECK, OPS, expect, plan, play, stage, tell

DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
# What a clock shows: 12:30 of today, which no zone is further from than half a day.
SHOWN = int(time.time()) // 86400 * 86400 + 45000
TODAY = time.strftime("%Y-%m-%d", time.gmtime(SHOWN))


def block(offset, changes):
    """A header and its block: instants of eight bytes."""
    times = b"".join(struct.pack(">q", at) for at, _ in changes)
    kinds = bytes(range(1, len(changes) + 1))
    types = b"".join(struct.pack(">iBB", each, 0, 0) for each in [offset] + [after for _, after in changes])
    return (b"TZif2" + bytes(15) + struct.pack(">6I", 0, 0, 0, len(changes), len(changes) + 1, 4)
            + times + kinds + types + b"ABC\0")


def zones(scene, **tables):
    """Tables of these zones, and no others: each an offset and the changes after it."""
    folder = scene.path("zones")
    os.makedirs(os.path.join(folder, "Test"), exist_ok=True)
    first = b"TZif2" + bytes(15) + struct.pack(">6I", 0, 0, 0, 0, 1, 4) + bytes(6) + b"ABC\0"
    for name, (offset, changes) in {"UTC": (0, []), **tables}.items():
        path = name if name == "UTC" else f"Test/{name}"
        with open(os.path.join(folder, path), "wb") as file:
            file.write(first + block(offset, changes) + b"\n\n")
    scene.env["TZDIR"] = folder


def waits_for(scene, name):
    """What a stage waits for, by `rbk status`."""
    text = scene.run("rbk", "status", scene.run_id()).text.decode()
    return next((line for line in text.splitlines() if line.strip().startswith(name + " ") or f" {name} " in line), text)


def says(text, *wanted):
    for each in wanted:
        if each not in text:
            raise AssertionError(f"{each!r} is not said in {text!r}")


def on_its_days(scene):
    """Open today and tomorrow, whatever the hour; a window of other days waits, and says which."""
    today = time.gmtime().tm_wday
    near = f"{DAYS[today]}, {DAYS[(today + 1) % 7]}"
    far = DAYS[(today + 4) % 7]
    scene.begin(plan(stage("a", tell("a"), more=f'window {near} 00:00 to 00:00 "UTC"'),
                     stage("b", tell("b"), more=f'window {far} 00:00 to 00:00 "UTC"')))
    scene.until_traced("a")
    scene.until(lambda: f"for its window {far} 00:00 to 00:00 UTC" in waits_for(scene, "b"), "what b waits for")
    scene.say("abort")
    scene.ends(10, "aborted").trace("a", "back_a")


def not_before_a_zones_clock(scene):
    """To the second: not while the clock shows less, at once when it shows it, whatever UTC says."""
    began = int(time.time())
    zones(scene, Near=(SHOWN - (began + 4), []), Far=(SHOWN - (began + 9000), []))
    scene.begin(plan(stage("a", 'shell "date +%s > at; echo a >> trace" timeout 10s idempotent\n',
                           more=f'not before {TODAY} 12:30 "Test/Near"'),
                     stage("b", tell("b"), more=f'not before {TODAY} 12:30 "Test/Far"')))
    scene.until_traced("a")
    at = int(scene.read("at"))
    expect(began + 4 <= at <= began + 14, True, f"{at - began} s after the begin")
    scene.until(lambda: f"until {TODAY} 12:30 Test/Far" in waits_for(scene, "b"), "what b waits for")
    says(scene.run("rbk", "log", scene.run_id()).text.decode(), "its time has come")
    scene.say("abort")
    scene.ends(10, "aborted").trace("a", "back_a")


def clocks_put_forward(scene):
    """12:30 comes with the change although no clock ever shows it; a window within the skipped hour does not open."""
    change = int(time.time()) + 4
    offset = SHOWN - 1800 - change  # 12:00 is 13:00
    zones(scene, Forward=(offset, [(change, offset + 3600)]))
    scene.begin(plan(stage("a", 'shell "date +%s > at; echo a >> trace" timeout 10s idempotent\n',
                           more=f'window {DAYS[time.gmtime(SHOWN).tm_wday]} 12:30 to 15:00 "Test/Forward"'),
                     stage("b", tell("b"), more='after nothing\nwindow 12:10 to 12:50 "Test/Forward"'),
                     stage("c", tell("c"), more='after a\nwindow 11:00 to 12:20 "Test/Forward"')))
    scene.until_traced("a")
    expect(int(scene.read("at")) >= change, True, "it began with the change")
    scene.until(lambda: "for its window 11:00" in waits_for(scene, "c"), "what c waits for")
    expect(scene.trace(), ["a"], "b never opened, and c is over")
    scene.say("abort")
    scene.ends(10, "aborted")


def clocks_put_back(scene):
    """What is shown twice opens the second time, and what closes in that hour closes the first time."""
    change = int(time.time()) + 4
    offset = SHOWN + 1800 - change  # 13:00 is 12:00
    zones(scene, Back=(offset, [(change, offset - 3600)]))
    scene.begin(plan(stage("a", 'shell "date +%s > at; echo a >> trace" timeout 10s idempotent\n',
                           more='window 12:00 to 15:00 "Test/Back"'),
                     stage("b", tell("b"), more='after nothing\nwindow 10:00 to 12:30 "Test/Back"')))
    scene.until_traced("a")
    expect(int(scene.read("at")) >= change, True, "it began the second time")
    expect(scene.trace(), ["a"], "b is over: it closed the first time")
    scene.say("abort")
    scene.ends(10, "aborted")


def telling(word, timeout):
    return f'shell "echo {word} >> trace" timeout {timeout} idempotent\n'


def too_short_a_rest_waits(scene):
    """What is left of the window is measured by the clock that is changed: an hour less."""
    change = int(time.time()) + 1800
    offset = SHOWN - change
    zones(scene, Soon=(offset, [(change, offset + 3600)]), Never=(offset, []))
    # It closes at 13:45: in 1:45 hours by a clock that is left alone, in 0:45 by one that is put forward.
    scene.begin(plan(stage("a", telling("a", "50m"), within="55m", more='window 10:00 to 13:45 "Test/Never"'),
                     stage("b", telling("b", "50m"), within="55m", more='window 10:00 to 13:45 "Test/Soon"')))
    scene.until_traced("a")
    scene.until(lambda: "for its window 10:00" in waits_for(scene, "b"), "what b waits for")
    scene.say("abort")
    scene.ends(10, "aborted").trace("a", "back_a")


def bare(name, steps, more=""):
    """A stage whose blocks have no `within`."""
    return f"""
    stage {name} "Stage {name}" {{
        unwatched because "a test"
        after nothing
        window 10:00 to 12:45 "Test/Zone"
        {more}
        apply {{ {steps} }}
        verify {{ check "the trace is there" file.exists("trace") timeout 5s }}
        rollback {{
            {tell("back_" + name)}
            verify {{ check "the trace is there" file.exists("trace") timeout 5s }}
        }}
    }}"""


def the_longest_way_counts_and_not_the_limits(scene):
    """What has to fit into the 15 minutes that are left is what the compiler proves: steps without a `within` around
    them, their further attempts and the time that people have count; a `within` that nothing comes to does not."""
    zones(scene, Zone=(SHOWN - int(time.time()), []))
    retried = telling("r", "4m").replace("idempotent", "retry 3 every 1m idempotent")
    scene.begin(plan(stage("fits", tell("fits"), within="2h", more='after nothing\nwindow 10:00 to 12:45 "Test/Zone"'),
                     bare("long", telling("long", "890s")), bare("again", retried),
                     bare("asked", tell("asked"), more="approve ops within 15m else abort"), head=OPS))
    scene.until_traced("fits")
    for name in ("long", "again", "asked"):
        scene.until(lambda: "for its window 10:00" in waits_for(scene, name), f"what {name} waits for")
    expect(scene.trace(), ["fits"], "nothing else began")
    expect(scene.look().get("questions", []), [], "nobody is asked for a stage that cannot begin")
    scene.say("abort")
    scene.ends(10, "aborted").trace("fits", "back_fits")


def a_waived_stage_begins_while_its_window_is_open(scene):
    """`allow RBK113`: it is longer than the whole window, and somebody has agreed to that."""
    zones(scene, Zone=(SHOWN - int(time.time()), []))
    scene.begin(plan(stage("a", telling("a", "90m"), within="2h",
                           more='window 12:00 to 12:45 "Test/Zone"\nallow RBK113 because "agreed"')))
    scene.ends(0, "completed").trace("a")


def parameters_that_leave_no_room(scene):
    """A run in which a stage would never begin is not begun; with other parameters it is."""
    zones(scene, Zone=(SHOWN - int(time.time()), []))
    text = plan(stage("a", tell("a") + 'wait calm because "readers finish"', within="9h",
                      more='window 10:00 to 15:00 "Test/Zone"'), head="param calm: duration = 10ms")
    scene.write("plan.rbk", text)
    done = scene.run("rbk", "run", "plan.rbk", "--set", "calm=6h")
    expect(done.status in (1, 2), True, f"the status of {done}")
    says(done.text.decode(), "stage a may take 6h", "longer than its window 10:00 to 15:00 Test/Zone")
    expect(scene.ask("SELECT count(*) FROM runs") in ([(0,)], []), True, "no run is left")
    scene.begin(None)
    scene.ends(0, "completed").trace("a")


def resumed_outside_its_window(scene):
    """The window was open when the last runner looked. Hours later the next one begins nothing."""
    zones(scene, Zone=(SHOWN - int(time.time()), []))
    hours = 'window 10:00 to 15:00 "Test/Zone"'
    scene.begin(plan(stage("a", tell("a"), verify=f'{CHECK} wait until file.exists("go") every 50ms timeout 18s'),
                     stage("b", tell("b"), more=hours), stage("c", tell("c"), more=f"after nothing\n{hours}")))
    scene.until_traced("c")
    scene.until(lambda: "stands applied" in scene.tail(), "c stands")
    scene.process.send_signal(signal.SIGINT)
    scene.until_status("paused")
    scene.touch("go")
    expect(scene.process.wait(20), 30, "the status after Ctrl-C")
    zones(scene, Zone=(SHOWN + 6 * 3600 - int(time.time()), []))
    scene.resume()
    scene.until(lambda: "for its window 10:00" in waits_for(scene, "b"), "what b waits for")
    expect(sorted(scene.trace()), ["a", "c"], "b has not begun")
    scene.die()
    zones(scene, Zone=(SHOWN - int(time.time()), []))
    scene.resume()
    scene.ends(0, "completed")


def unknown_zones(scene):
    """A plan with one is refused where there are tables; without them no run begins, and none is left."""
    text = plan(stage("a", tell("a"), more='window 10:00 to 13:00 "Test/Zone"'))
    scene.write("plan.rbk", text)
    zones(scene, Zone=(0, []))
    scene.run("rbkc", "build", "plan.rbk", "-o", "plan.rbkm")
    zones(scene)
    os.remove(scene.path("zones/Test/Zone"))
    done = scene.run("rbkc", "check", "plan.rbk")
    expect(done.status, 1, "a check with tables that lack it")
    says(done.text.decode(), 'unknown time zone "Test/Zone"')
    shutil.rmtree(scene.path("zones"))
    expect(scene.run("rbkc", "check", "plan.rbk").status, 0, "a check without tables")
    for name in ("plan.rbk", "plan.rbkm"):
        done = scene.run("rbk", "run", name)
        expect(done.status in (1, 2, 3), True, f"the status of {done}")
        says(done.text.decode(), 'the time zone "Test/Zone" is not known here', "tzdata")
    expect(scene.ask("SELECT count(*) FROM runs") in ([(0,)], []), True, "no run is left")


def a_run_outlives_its_tables(scene):
    """Resumed where the zone is not known: what keeps to it does not begin, and the rest goes back."""
    zones(scene, Zone=(0, []))
    scene.begin(plan(stage("a", tell("a")),
                     stage("b", tell("b"), more='not before 2099-01-01 10:00 "Test/Zone"')))
    scene.until_traced("a")
    scene.until(lambda: "until 2099-01-01 10:00 Test/Zone" in waits_for(scene, "b"), "what b waits for")
    scene.process.send_signal(signal.SIGKILL)
    scene.process.wait()
    shutil.rmtree(scene.path("zones"))
    scene.resume()
    scene.until(lambda: 'the time zone "Test/Zone" is not known here' in scene.tail(), "a notice")
    scene.say("abort")
    scene.ends(10, "aborted").trace("a", "back_a")


CASES = [on_its_days, not_before_a_zones_clock, clocks_put_forward, clocks_put_back, too_short_a_rest_waits,
         the_longest_way_counts_and_not_the_limits, a_waived_stage_begins_while_its_window_is_open,
         parameters_that_leave_no_room, resumed_outside_its_window, unknown_zones, a_run_outlives_its_tables]

if __name__ == "__main__":
    play(CASES)
