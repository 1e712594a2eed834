#!/usr/bin/python3
"""A second opinion: Spin, a model checker nobody here wrote, looks at the model that `rbkc emit --promela` writes of
each plan, each example and 200 random plans, and must agree with `rbkc explore`; and machines that were spoilt on
purpose must be found out by both.

    spin_test.py plans | random [FIRST COUNT] | spoilt

RBK_BIN is the folder of rbkc. Needs spin and tcc (a model's checker is compiled in no time with it)."""

import glob
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile

import random_plan

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
RBKC = os.path.join(os.environ["RBK_BIN"], "rbkc")
ENVIRONMENT = {**os.environ, "RBK_STDLIB": os.path.join(ROOT, "stdlib"), "NO_COLOR": "1"}
# What may happen in one execution: people who ask for things, or a crash; both at once take too long here.
COMMANDS = ["-DCOMMANDS=1", "-DCRASHES=0"]
CRASHES = ["-DCOMMANDS=0", "-DCRASHES=1"]
# Random plans with so many states that three of them took half the time of all 200; others stand in for them.
LARGE = {84: 200, 135: 201, 196: 202}
# How Spin's program is built and run to look for what must never happen, and for runs that never end. What people
# do can go on for ever, so that the second is asked of the world without them only.
SEARCHES = {"safety": (["-DSAFETY"], []), "ends": (["-DNP"], ["-l"])}


def run(words, cwd, statuses=(0,)):
    done = subprocess.run(words, cwd=cwd, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=250)
    text = done.stdout.decode("utf-8", "replace")
    if done.returncode not in statuses:
        told = text[-2000:] + done.stderr.decode("utf-8", "replace")[-2000:]
        raise AssertionError(f"{' '.join(words)} ended with {done.returncode}:\n{told}")
    return text


def explored(path):
    """What `rbkc explore` says: the words of the properties that do not hold."""
    text = run([RBKC, "explore", "--format", "json", path], ROOT, (0, 1))
    assert text.startswith("{"), f"{path} does not compile"
    document = json.loads(text)
    assert document["complete"], f"{path} was not explored to the end"
    return sorted({violation["property"] for violation in document["violations"]})


def checked(path, worlds, slots=21):
    """What Spin says: the errors it found, in words. @slots: how many states its table is for, as a power of two."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        run([RBKC, "emit", "--promela", "-o", os.path.join(folder, "model.pml"), path], ROOT)
        for world in worlds:
            run(["spin", *world, "-a", "model.pml"], folder)
            for search, (options, words) in SEARCHES.items():
                if search == "ends" and world == COMMANDS:
                    continue
                run(["tcc", "-w", "-DMEMLIM=3000", *options, "-o", "pan", "pan.c"], folder)
                # Deeper than any plan here goes: a stack of millions costs more to clear than a small model to search.
                text = run(["./pan", "-E", "-m200000", f"-w{slots}", *words], folder, (0, 1))
                errors = re.search(r"errors: (\d+)", text)
                assert errors, f"Spin did not come to an end with {path}:\n{text[-2000:]}"
                if errors[1] != "0":
                    found += re.findall(r"pan:1: (.*) \(at depth", text) or [text]
                else:
                    assert "Search not completed" not in text and "max search depth" not in text, text
    return found


def compare(name, path, worlds, slots=21):
    """A line that says how the two disagree, or None."""
    try:
        ours, theirs = explored(path), checked(path, worlds, slots)
    except (AssertionError, subprocess.TimeoutExpired) as error:
        return f"{name}: {error}"
    if bool(ours) == bool(theirs):
        return None
    return f"{name}: rbkc explore found {ours or 'nothing'}, Spin {theirs or 'nothing'}"


def compare_all(jobs):
    told = [line for line in (compare(*job) for job in jobs) if line]
    print("\n".join(told))
    print(f"{len(jobs)} plans, {len(told)} disagreements")
    return 1 if told else 0


def plans():
    paths = sorted(glob.glob(f"{ROOT}/examples/*/*.rbk") + glob.glob(f"{ROOT}/plans/*/plan.rbk"))
    assert len(paths) >= 6, paths
    paths.append(f"{ROOT}/tests/golden/machine/by_hand.rbk")  # questions that are looked for, and asked about in doubt
    return compare_all([(os.path.relpath(path, ROOT), path, [COMMANDS, CRASHES], 23) for path in paths])


def random_plans(first, count):
    with tempfile.TemporaryDirectory() as folder:
        jobs = []
        for seed in [LARGE.get(seed, seed) for seed in range(first, first + count)]:
            path = os.path.join(folder, f"random_{seed}.rbk")
            with open(path, "w", encoding="utf-8") as file:
                file.write(random_plan.random_plan(seed))
            jobs.append((f"seed {seed}", path, [COMMANDS] if seed % 2 else [CRASHES]))
        return compare_all(jobs)


# ---- machines that were spoilt ------------------------------------------------------------------

STATE = re.compile(r'"kind":"(\w+)","name":"([^"]+)","next":\[([^]]*)\]')


class Machine:
    """The text of a machine, of which single transitions can be changed."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            head, self.body = file.read().split('],"states":[\n', 1)
        self.head = head + '],"states":[\n'
        rows, self.tail = self.body.split("\n]", 1)
        self.rows = rows.split("\n")

    def named(self, pattern):
        """The numbers of the states with such a name."""
        found = [i for i, row in enumerate(self.rows) if re.fullmatch(pattern, STATE.search(row)[2])]
        assert found, pattern
        return found

    def lead(self, state, outcomes, target):
        """Let some outcomes of a state (numbers of its `next`) lead elsewhere."""
        match = STATE.search(self.rows[state])
        following = match[3].split(",")
        for outcome in outcomes:
            if following[outcome] != "null" or outcome == 0:
                following[outcome] = str(target)
        start, end = match.span(3)
        self.rows[state] = self.rows[state][:start] + ",".join(following) + self.rows[state][end:]

    def write(self, path):
        text = self.head + "\n".join(self.rows) + "\n]" + self.tail
        at = text.index('"integrity":"') + len('"integrity":"')
        around = (text[:at] + text[at + 64:]).encode()
        text = text[:at] + hashlib.sha256(around).hexdigest() + text[at + 64:]
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)


OK, FAILED = (0,), (1, 2, 3)


def skip_verify(machine):
    machine.lead(machine.named(r"s0\.apply\.1")[0], OK, machine.named(r"s0\.applied")[0])


def pass_over_a_failed_verify(machine):
    machine.lead(machine.named(r"s0\.verify\.1")[0], FAILED, machine.named(r"s0\.applied")[0])


def pass_over_a_failed_apply(machine):
    machine.lead(machine.named(r"s0\.apply\.1")[0], FAILED, machine.named(r"s0\.applied")[0])


def believe_a_failed_rollback(machine):
    machine.lead(machine.named(r"s0\.rollback\.1")[0], OK + FAILED, machine.named(r"s0\.rolled_back")[0])


def never_end(machine):
    state = machine.named(r"s0\.rollback\.1")[0]
    machine.lead(state, OK + FAILED, state)


SPOILS = (skip_verify, pass_over_a_failed_verify, pass_over_a_failed_apply, believe_a_failed_rollback, never_end)
SPOILT_PLAN = """plan spoilt {
    title "Whose machine is spoilt"
    stage s0 {
        unwatched because "a test"
        apply within 1m { run "touch a" idempotent timeout 10s }
        verify within 1m { check "there" file.exists("a") timeout 10s }
        rollback {
            run "rm -f a" idempotent timeout 10s
            verify { check "gone" file.exists("a") == false timeout 10s }
        }
    }
    stage s1 {
        unwatched because "a test"
        apply within 1m { run "touch b" idempotent timeout 10s }
        verify within 1m { check "there" file.exists("b") timeout 10s }
        rollback {
            run "rm -f b" idempotent timeout 10s
            verify { check "gone" file.exists("b") == false timeout 10s }
        }
    }
}
"""


def spoilt():
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        plan, machine = os.path.join(folder, "plan.rbk"), os.path.join(folder, "plan.rbkm")
        with open(plan, "w", encoding="utf-8") as file:
            file.write(SPOILT_PLAN)
        run([RBKC, "build", "-o", machine, plan], ROOT)
        Machine(machine).write(machine)  # the text is put together as it was, or nothing below means anything
        assert not explored(machine) and not checked(machine, [CRASHES])
        for spoil in SPOILS:
            changed = Machine(machine)
            spoil(changed)
            path = os.path.join(folder, "spoilt.rbkm")
            changed.write(path)
            ours, theirs = explored(path), checked(path, [CRASHES])
            if not ours or not theirs:
                failed += 1
            print(f"{spoil.__name__}: rbkc explore {ours or 'found nothing'}, Spin {theirs or 'found nothing'}")
    return 1 if failed else 0


def main():
    os.nice(10)  # who waits for a deadline meanwhile goes first
    what = sys.argv[1] if len(sys.argv) > 1 else "plans"
    if what == "plans":
        return plans()
    if what == "random":
        first, count = (int(word) for word in sys.argv[2:4]) if len(sys.argv) > 3 else (0, 200)
        return random_plans(first, count)
    if what == "spoilt":
        return spoilt()
    print(__doc__)
    return 2


sys.exit(main())
