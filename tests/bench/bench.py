#!/usr/bin/env python3
"""Speed and size, as ratios against what the machine itself can do.

    bench.py BIN_FOLDER TEST_BIN_FOLDER [NAME...]

Floor and product alternate in one run and medians are compared, because absolute times on a shared
machine mean little. Each line gives what was measured, the bound it is held to, and whether it holds;
the exit status is 1 when one does not.
"""

import json
import math
import os
import resource
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import many_stages
import other_checkers
import watching

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN, TEST_BIN = (os.path.abspath(folder) for folder in sys.argv[1:3])
ONLY = sys.argv[3:]
ROUNDS = 5
MAKE = '\n            run "touch made" idempotent'  # a plan that changes nothing does not compile
failed = []
scratch = tempfile.mkdtemp(prefix="rbk-bench-")


def report(name, value, bound, unit, at_most=True):
    good = value <= bound if at_most else value >= bound
    print(f"{name:<58} {value:>10.3f} {unit:<8} {'<=' if at_most else '>='} {bound:g}"
          f"  {'ok' if good else 'TOO SLOW' if at_most else 'TOO LITTLE'}", flush=True)
    if not good:
        failed.append(name)


def fresh(name):
    folder = os.path.join(scratch, f"{name}-{time.monotonic_ns()}")
    os.mkdir(folder)
    return folder


def rbk(folder, *words, env=None, check=0):
    full = {**os.environ, "RBK_STORE": os.path.join(folder, "state", "store.db"), **(env or {})}
    done = subprocess.run([os.path.join(BIN, "rbk"), *words], cwd=folder, env=full,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if check is not None and done.returncode != check:
        sys.exit(f"rbk {' '.join(words)} ended with {done.returncode}:\n{done.stdout.decode()}")
    return done


def journal(folder):
    store = sqlite3.connect(os.path.join(folder, "state", "store.db"))
    rows = store.execute("SELECT seq, at_ms, kind, body FROM events ORDER BY seq").fetchall()
    store.close()
    return rows


def floor(count, *program):
    """Seconds of so many bare commits, with a program before each of them if one is given."""
    folder = fresh("floor")
    done = subprocess.run([os.path.join(TEST_BIN, "floor_commits"), os.path.join(folder, "floor.db"), str(count), *program],
                          stdout=subprocess.PIPE, check=True)
    return float(done.stdout)


def plan(name, steps, head=""):
    return f"""plan {name} {{
    title "Bench"
    {head}
    stage one {{
        unwatched because "a benchmark"
        apply within 10m {{
{steps}
        }}
        verify within 1m {{ check "there" file.exists("made") }}
        rollback within 1m {{
            run "rm -f made" idempotent
            verify {{ check "gone" file.exists("made") == false }}
        }}
    }}
}}
"""


def write(folder, text, name="plan.rbk"):
    with open(os.path.join(folder, name), "w") as file:
        file.write(text)


def journal_seconds(folder, first, last):
    rows = journal(folder)
    return (rows[last][1] - rows[first][1]) / 1000


def steps():
    """2,000 sequential no-op steps against bare commits, and one flush a step."""
    count = 2000
    body = "\n".join("            wait 0s because \"a bench\"" for i in range(count)) + MAKE
    ratios = []
    for _ in range(ROUNDS):
        base = floor(count)
        folder = fresh("steps")
        write(folder, plan("steps", body))
        rbk(folder, "run", "plan.rbk")
        ratios.append(base / journal_seconds(folder, 2, 2 + count - 1))
    report("2,000 no-op steps, rate over bare SQLite commits", statistics.median(ratios), 0.8, "x", False)

    flushes = []
    for length in (100, 600):
        folder = fresh("flushes")
        body = "\n".join("            wait 0s because \"a bench\"" for i in range(length)) + MAKE
        write(folder, plan("flushes", body))
        counts = os.path.join(folder, "counts")
        rbk(folder, "run", "plan.rbk", env={"LD_PRELOAD": os.path.join(TEST_BIN, "count_flushes.so"),
                                            "COUNT_FLUSHES": counts})
        with open(counts) as file:
            flushes.append(max(int(line) for line in file))
    report("flushes a step (500 more steps)", (flushes[1] - flushes[0]) / 500, 1.0, "flushes")


def spawn():
    """500 sequential commands against posix_spawn, waitpid and a commit."""
    count = 500
    body = "\n".join('            run "/bin/true" idempotent' for _ in range(count)) + MAKE
    ratios = []
    for _ in range(ROUNDS):
        base = floor(count, "/bin/true")
        folder = fresh("spawn")
        write(folder, plan("spawn", body))
        rbk(folder, "run", "plan.rbk")
        ratios.append(journal_seconds(folder, 2, 2 + count - 1) / base)
    report("500 commands, time over spawn + wait + commit", statistics.median(ratios), 1.3, "x")


def long_plan(lines):
    out = ['plan long {', '    title "Generated"', '    connection db = sqlite("long.db")']
    stage = 0
    while len(out) < lines - 20:
        stage += 1
        out.append(f"    stage stage_{stage} {{")
        out.append('        unwatched because "generated"')
        out.append("        apply within 10m {")
        for step in range(30):
            out.append(f"            let value_{step} = sql.value(db, \"SELECT {step}\")")
            out.append(f"            sql db \"UPDATE row SET value = ${{value_{step}}} WHERE id = {step}\"")
        out.append("        }")
        out.append('        verify within 1m { check "rows" sql.value(db, "SELECT count(*) FROM row") == 30 }')
        out.append("        rollback within 5m {")
        out.append('            sql db "UPDATE row SET value = 0"')
        out.append('            verify { check "zero" sql.value(db, "SELECT sum(value) FROM row") == 0 }')
        out.append("        }")
        out.append("    }")
    out += ["    # the rest"] * (lines - len(out) - 1) + ["}"]
    return "\n".join(out) + "\n"


def run_check(folder, name, *options):
    start = time.monotonic()
    child = subprocess.Popen([os.path.join(BIN, "rbkc"), "check", *options, name], cwd=folder,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"rbkc check ended with {child.returncode}:\n{output.decode()[:2000]}")
    return time.monotonic() - start, usage.ru_maxrss * 1024


def check():
    """rbkc check on generated plans of 10,000 and 100,000 lines."""
    folder = fresh("check")
    for lines in (10, 10_000, 100_000):
        write(folder, long_plan(max(lines, 100)), f"plan{lines}.rbk")
    seconds = {10: [], 10_000: [], 100_000: []}
    memory = {}
    for _ in range(ROUNDS):
        for lines in seconds:
            spent, used = run_check(folder, f"plan{lines}.rbk", "--no-explore")
            seconds[lines].append(spent)
            memory[lines] = used
    median = {lines: statistics.median(all_) for lines, all_ in seconds.items()}
    report("rbkc check, thousand lines per second", 100 / median[100_000], 300, "k/s", False)
    report("rbkc check, time for 10 times the lines", median[100_000] / median[10_000], 11, "x")
    # Of the whole process: what little it has without a plan is less than what a child of Python's counts.
    report("rbkc check, bytes of memory a line", memory[100_000] / 100_000, 1024, "bytes")
    other_checkers.compare(os.path.join(BIN, "rbkc"), fresh("others"), long_plan)


def explore():
    """rbkc check with everything on: a plan of 50 stages, 20 triggers and 10 gates, and lead_cutover."""
    folder = fresh("explore")
    write(folder, many_stages.plan_text(), "many.rbk")
    spent, used = zip(*(run_check(folder, "many.rbk") for _ in range(ROUNDS)))
    report("rbkc check of 50 stages, explored", statistics.median(spent), 5, "s")
    report("rbkc check of 50 stages, memory", max(used) / (1 << 20), 500, "MiB")
    lead = os.path.join(ROOT, "plans", "lead_cutover", "plan.rbk")
    spent = [run_check(folder, lead)[0] for _ in range(ROUNDS)]
    report("rbkc check of plans/lead_cutover, explored", 1000 * statistics.median(spent), 300, "ms")


def start():
    """From the start of rbk run to the first effect, and from rbk resume to going on."""
    spent = []
    for _ in range(ROUNDS * 2):
        folder = fresh("start")
        write(folder, plan("start", f'            run ["{TEST_BIN}/note_time", "started"] idempotent' + MAKE))
        begin = time.time_ns()
        rbk(folder, "run", "plan.rbk")
        with open(os.path.join(folder, "started")) as file:
            spent.append((int(file.read()) - begin) / 1e6)
    report("rbk run, start to first effect", statistics.median(spent), 20, "ms")

    spent = []
    body = "\n".join("            wait 0s because \"a bench\"" for i in range(1000)) + MAKE
    for _ in range(ROUNDS):
        folder = fresh("resume")
        write(folder, plan("resume", body))
        rbk(folder, "run", "plan.rbk", env={"RBK_TEST_KILL_AFTER_COMMIT": "992"}, check=-9)
        before = len(journal(folder))
        begin = time.time_ns() / 1e6
        rbk(folder, "resume")
        spent.append(journal(folder)[before + 1][1] - begin)
    report("rbk resume after SIGKILL in step 990 of 1,000", statistics.median(spent), 50, "ms")


class Endpoint(threading.Thread):
    """A service that fails from a moment on that lies a known time after one of its polls: where in the probe's
    period a failure falls decides how long it goes unseen, so the rounds are spread over the period, not by chance."""

    def __init__(self):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d/health" % self.listener.getsockname()[1]
        self.seconds_after_poll = None  # set: the next poll is the last good one
        self.fails_at = math.inf
        self.start()

    def run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with client:
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while client.recv(4096):  # a request of this probe comes in one piece
                    now = time.time()
                    failing = now >= self.fails_at
                    client.sendall(b"HTTP/1.1 %d x\r\nContent-Length: 0\r\n\r\n" % (500 if failing else 200))
                    if self.seconds_after_poll is not None and self.fails_at == math.inf:
                        self.fails_at = now + self.seconds_after_poll

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def trigger():
    """From an endpoint that begins to fail to the rollback it triggers, with a probe every 100 ms."""
    period, rounds = 100, 25
    delays, reactions = [], []
    for round_ in range(rounds):
        folder, endpoint = fresh("trigger"), Endpoint()
        write(folder, f"""plan watched {{
    title "Bench"
    probe health = http.status("{endpoint.url}") every {period}ms timeout 1s
    trigger broken when health >= 500 then abort
    stage one {{
        apply within 1m {{ run "touch applied" idempotent }}
        verify within 1m {{ check "there" file.exists("applied") for 30s timeout 50s }}
        rollback within 1m {{
            run ["{TEST_BIN}/note_time", "turned"] idempotent
            verify {{ check "turned" file.exists("turned") }}
        }}
    }}
}}
""")
        child = subprocess.Popen([os.path.join(BIN, "rbk"), "run", "plan.rbk"], cwd=folder,
                                 env={**os.environ, "RBK_STORE": os.path.join(folder, "state", "store.db")},
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while not os.path.exists(os.path.join(folder, "applied")) and time.monotonic() < deadline:
            time.sleep(0.005)
        endpoint.seconds_after_poll = period / 1000 * (round_ + 0.5) / rounds
        if child.wait(30) != 10:
            sys.exit("the trigger's run did not roll back")
        endpoint.close()
        with open(os.path.join(folder, "turned")) as file:
            turned = int(file.read())
        delays.append(turned / 1e6 - 1000 * endpoint.fails_at)
        fired = [row for row in journal(folder) if row[2] == "trigger"]
        reactions.append(turned / 1e6 - fired[0][1])
    report("trigger: reading to first rollback effect, median", statistics.median(reactions), 10, "ms")
    report("trigger: failing endpoint to rollback, median", statistics.median(delays), period / 2 + 5, "ms")
    report("trigger: failing endpoint to rollback, maximum", max(delays), period + 20, "ms")


def memory():
    """The most memory rbk run takes for plans/lead_cutover, against real servers."""
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
    os.environ["RBK_BIN"] = BIN
    import world as worlds

    world = worlds.World()
    peak = [0]

    def look(run):
        try:
            with open(f"/proc/{run.process.pid}/status") as file:
                sizes = [int(line.split()[1]) for line in file if line.startswith("VmHWM")]
            peak[0] = max([peak[0], *sizes])
        except OSError:
            pass

    try:
        world.reset()
        run = worlds.Run(world, "memory")
        run.start()
        if run.finish(on_turn=look) != 0:
            sys.exit(f"lead_cutover did not complete:\n{run.tail()}")
    finally:
        world.close()
    report("rbk run plans/lead_cutover, resident memory", peak[0] / 1024, 20, "MiB")


def react():
    watching.react(sys.modules[__name__])


def probes():
    watching.probes(sys.modules[__name__])


BENCHES = {"steps": steps, "spawn": spawn, "check": check, "explore": explore, "start": start, "trigger": trigger,
           "react": react, "probes": probes, "memory": memory}

try:
    for name, bench in BENCHES.items():
        if not ONLY or name in ONLY:
            bench()
finally:
    shutil.rmtree(scratch, ignore_errors=True)
if failed:
    print("not held: " + ", ".join(failed))
sys.exit(1 if failed else 0)
