"""Watching: how soon a reading becomes a rollback beside 200 probes, and whether 10,000 probes keep their schedule.

`rbk run` is bound to one core; its sources (files, and a service on loopback) and this program have the others.
"""

import json
import os
import re
import signal
import statistics
import subprocess
import sys
import time

CORE = 0
TAIL = """
        verify within 1m { check "there" file.exists("applied") for 50s timeout 55s }
        rollback within 1m {
            shell "date +%s%N > turned" idempotent
            verify { check "turned" file.exists("turned") }
        }
    }
}
"""


class Service:
    """Answers everything, and counts (answer_http.c): beside it a service in Python is slow."""

    def __init__(self, bench):
        self.process = subprocess.Popen([os.path.join(bench.TEST_BIN, "answer_http")], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.url = f"http://127.0.0.1:{self.process.stdout.readline().strip()}"

    def count(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)


def begin(bench, folder):
    """`rbk run` on one core."""
    return subprocess.Popen(["taskset", "-c", str(CORE), os.path.join(bench.BIN, "rbk"), "run", "plan.rbk"], cwd=folder,
                            env={**os.environ, "RBK_STORE": os.path.join(folder, "state", "store.db"),
                                 "RBK_TEST_SCHEDULE": "1"},
                            stdin=subprocess.DEVNULL, stdout=open(os.path.join(folder, "log"), "wb"),
                            stderr=subprocess.STDOUT)


def wait_for(child, path, seconds, folder):
    end = time.monotonic() + seconds
    while not os.path.exists(path):
        if time.monotonic() > end or child.poll() is not None:
            with open(os.path.join(folder, "log")) as log:
                sys.exit(f"{path} did not come:\n{log.read()[-2000:]}")
        time.sleep(0.005)


def react(bench):
    """From the reading that makes a trigger true to the first rollback effect, with 200 probes at 1 s: half read files,
    half a service. The reading's time is that of the event in the journal, which is made when the reading is there."""
    service, reactions = Service(bench), []
    try:
        for round_ in range(40):
            folder = bench.fresh("react")
            probes = ['    probe bad = file.exists("bad") every 1s timeout 500ms']
            for i in range(100):
                probes.append(f'    probe file_{i} = file.size("plan.rbk") every 1s timeout 900ms')
                probes.append(f'    probe web_{i} = http.status("{service.url}/{i}") every 1s timeout 900ms')
                probes.append(f"    trigger f_{i} when avg(file_{i}, 30s) > 1GiB then abort missing hold 50s then pause")
                probes.append(f"    trigger w_{i} when web_{i} > 500 for 3 readings then abort missing hold 50s then pause")
            probes.append("    trigger broken when bad then abort")
            bench.write(folder, "plan watched {\n" + "\n".join(probes) + """
    stage one "One" {
        kind application
        risk low
        apply within 1m { run "touch applied" idempotent }""" + TAIL)
            child = begin(bench, folder)
            wait_for(child, os.path.join(folder, "applied"), 30, folder)
            time.sleep(1.1 + 0.025 * round_)  # all probes run, and the rounds fall everywhere in the second
            open(os.path.join(folder, "bad"), "w").close()
            if child.wait(60) != 10:
                wait_for(child, "nowhere", 0, folder)
            with open(os.path.join(folder, "turned")) as file:
                turned = int(file.read())
            fired = [row for row in bench.journal(folder) if row[2] == "trigger" and json.loads(row[3])["level"] == "true"]
            reactions.append(turned / 1e6 - fired[0][1])
    finally:
        service.close()
    reactions.sort()
    bench.report("200 probes at 1 s: reading to first rollback effect, median", statistics.median(reactions), 10, "ms")
    bench.report("200 probes at 1 s: the same, 99 of 100", reactions[int(len(reactions) * 0.99 - 0.5)], 50, "ms")


def probes(bench):
    """10,000 probes of a service at 1 s on one core, read by 200 triggers."""
    count, seconds = 10_000, 20
    service, folder = Service(bench), bench.fresh("probes")
    lines = []
    for i in range(count):
        lines.append(f'    probe p{i} = http.status("{service.url}/{i}") every 1s timeout 900ms')
        if i % 50 == 49:
            names = [f"p{i - 49 + j} > 500" for j in range(50)]
            lines.append(f"    trigger t{i} when {' or '.join(names)} then abort missing hold 50s then pause")
    bench.write(folder, "plan watched {\n" + "\n".join(lines) + """
    stage one "One" {
        kind application
        risk low
        apply within 2m { run "touch applied" idempotent wait until file.exists("enough") every 1s timeout 100s }""" + TAIL)
    child = begin(bench, folder)
    try:
        wait_for(child, os.path.join(folder, "applied"), 60, folder)
        pid = child.pid
        time.sleep(2)
        asked, used, began = service.count(), cpu_seconds(pid), time.monotonic()
        time.sleep(seconds)
        asked, used, spent = service.count() - asked, cpu_seconds(pid) - used, time.monotonic() - began
        with open(f"/proc/{pid}/status") as file:
            memory = max(int(line.split()[1]) for line in file if line.startswith("VmHWM")) / 1024
        child.send_signal(signal.SIGINT)  # it ends after the step under way
        open(os.path.join(folder, "enough"), "w").close()
        child.wait(60)
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
        service.close()
    with open(os.path.join(folder, "log")) as log:
        text = log.read()
    said = re.search(r"(\d+) of (\d+) readings were begun more than 100 ms late", text)
    if said is None or "gives no reading" in text:
        sys.exit(f"no word about the schedule, or readings that failed:\n{text[-2000:]}")
    late, taken = int(said.group(1)), int(said.group(2))
    print(f"    {taken} readings, {late} of them late by more than 100 ms; {100 * used / spent:.0f}% of a core")
    bench.report("10,000 probes at 1 s, late by more than 100 ms", 1000 * late / max(taken, 1), 1, "per mille")
    bench.report("10,000 probes at 1 s, of the polls that were due", asked / (spent * count), 0.98, "x", False)
    bench.report("10,000 probes at 1 s, resident memory", memory, 256, "MiB")


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
