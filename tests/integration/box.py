"""A folder to be hostile in: a store, files, rbk and rbkc run there with every wait bounded, and what must
hold whatever they are given: an exit status of the documented ones, a reason, a bounded and harmless text,
and no report of a sanitizer, the helpers' ones included.
"""

import glob
import os
import re
import resource
import shutil
import signal
import stat
import sqlite3
import subprocess
import sys
import tempfile
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

SOURCE = os.environ.get("RBK_SOURCE") or os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
BIN = os.environ.get("RBK_BIN") or os.path.join(SOURCE, "build", "bin")
STDLIB = os.environ.get("RBK_STDLIB") or os.path.join(SOURCE, "stdlib")
STATUSES = (0, 1, 2, 3, 10, 20, 30, 40)
OUTPUT_BYTES_MAX = 4 << 20
MEMORY = "/dev/shm"
# A zone in which it is about noon: people are told the day too where a time is past midnight.
NOON = f"NOON{time.gmtime().tm_hour - 12:+d}"
REPORT = re.compile(rb"AddressSanitizer|LeakSanitizer|runtime error:|stack smashing|Assertion|assertion")

# A plan that needs nothing but SQLite and files. {apply} and {head} are put in.
PLAN = """plan small {{
    connection shop = sqlite("shop.db")
{head}
    stage only "The only one" {{
        unwatched because "nobody uses it"
        apply within {within} {{
{apply}
        }}
        verify within 10s {{ check "it is there" file.exists("made") }}
        rollback within 30s {{
            run "rm -f made" timeout 5s idempotent
            verify {{ check "it is gone" not file.exists("made") }}
        }}
    }}
}}
"""


def plan(apply='run "touch made" timeout 5s idempotent', head="", within="2m"):
    return PLAN.format(apply=apply, head=head, within=within)


class Done:
    """What became of a program: its status, its two outputs, how long it took."""

    def __init__(self, words, status, out, err, seconds):
        self.words, self.status, self.out, self.err, self.seconds = words, status, out, err, seconds
        self.text = out + err

    def __str__(self):
        def short(data):
            return data[:1500].decode(errors="replace") + (" …" if len(data) > 1500 else "")
        words = " ".join(os.fsdecode(word)[:60] for word in self.words)
        return f"`{words}` ended with {self.status} after {self.seconds:.1f} s\n{short(self.out)}\n{short(self.err)}"


def check(condition, what):
    if not condition:
        raise AssertionError(str(what))


class Box:
    """One temporary folder with a store in it."""

    def __init__(self, memory=False):
        self.folder = tempfile.mkdtemp(prefix="rbk-box-", dir=MEMORY if memory and os.access(MEMORY, os.W_OK) else None)
        self.store = self.path("state/store.db")
        self.reports = self.path("reports/sanitizer")
        os.mkdir(self.path("reports"))
        self.env = {"PATH": os.environ["PATH"], "HOME": self.folder, "LANG": "C.UTF-8", "TZ": NOON,
                    "RBK_STORE": self.store, "RBK_STDLIB": STDLIB,
                    "ASAN_OPTIONS": f"exitcode=99:allocator_may_return_null=1:log_path={self.reports}",
                    "UBSAN_OPTIONS": f"print_stacktrace=1:log_path={self.reports}"}

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, data):
        with open(self.path(name), "wb") as file:
            file.write(data if isinstance(data, bytes) else data.encode())
        return self.path(name)

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def device(self, name):
        """A device of the memory driver that may be broken: as root, one of our own in the folder."""
        if os.geteuid() != 0:
            return "/dev/" + name
        path = self.path(name)
        if not os.path.exists(path):
            try:
                os.mknod(path, 0o600 | stat.S_IFCHR, os.stat("/dev/" + name).st_rdev)
            except OSError:  # a container may forbid it: nothing stands in for the device
                self.write(name, b"")
        return path

    def start(self, *words, env=None, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more):
        words = [os.path.join(BIN, words[0]), *words[1:]]
        return subprocess.Popen(words, cwd=self.folder, env={**self.env, **(env or {})},
                                stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, **more)

    def run(self, *words, seconds=30, **more):
        """A program to its end, which must come, in order and without a report."""
        began = time.monotonic()
        process = self.start(*words, **more)
        try:
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError("no end: " + str(Done(words, "SIGKILL by the test", out or b"", err or b"",
                                                       time.monotonic() - began))) from None
        done = Done(words, process.returncode, out or b"", err or b"", time.monotonic() - began)
        check(done.status in STATUSES, done)
        check(not REPORT.search(done.text), done)
        check(len(done.text) < OUTPUT_BYTES_MAX, f"{len(done.text)} bytes of output: {done}")
        return done

    def refused(self, *words, statuses=(1, 2, 3), says=None, **more):
        """A program that must say no, why, and nothing that could harm the terminal."""
        done = self.run(*words, **more)
        check(done.status in statuses, done)
        check(done.text.strip(), f"no reason: {done}")
        check(harmless(done.text), f"control characters: {done}")
        if says:
            check(re.search(says.encode(), done.text), f"does not say {says!r}: {done}")
        return done

    def query(self, text, *values, path=None):
        store = sqlite3.connect(path or self.store, timeout=5)
        try:
            rows = store.execute(text, values).fetchall()
            store.commit()
            return rows
        finally:
            store.close()

    def run_id(self):
        return self.query("SELECT id FROM runs ORDER BY started_ms DESC")[0][0]

    def close(self, keep=False):
        """Nothing may be left behind: no report, no supervisor that holds the folder."""
        reports = glob.glob(self.reports + "*")
        text = b"".join(self.read(os.path.relpath(each, self.folder))[:3000] for each in reports)
        if keep:
            print("kept", self.folder)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)
        check(not reports, f"sanitizer reports: {text.decode(errors='replace')}")


def harmless(text):
    """No control character but line ends and tabs, and valid UTF-8 without invisible direction marks."""
    try:
        decoded = text.decode()
    except UnicodeDecodeError:
        return False
    return not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", decoded)


def limited(**limits):
    """A preexec function that sets limits, e.g. limited(FSIZE=1000)."""
    def apply():
        for name, value in limits.items():
            resource.setrlimit(getattr(resource, "RLIMIT_" + name), (value, value))
    return apply


def side_by_side(work, items, workers=3):
    """Run work(item) for all items on a few threads; the first failure is raised."""
    with ThreadPoolExecutor(workers) as pool:
        for _ in pool.map(work, items):
            pass


def of_many_commits(test):
    """A test whose box lies in memory: each commit waits for the disk, and beside other tests a busy one takes
    minutes for thousands of them. What is written outlives every process there too; power does not fail here."""
    test.memory = True
    return test


def main(tests):
    """Run the tests named on the command line, or all; prints one line each and the closing line."""
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    wanted = [name for name in sys.argv[1:] if not name.startswith("-")]
    passed = failed = 0
    for test in tests:
        name = test.__name__
        if wanted and name not in wanted:
            continue
        box, began = Box(getattr(test, "memory", False)), time.monotonic()
        try:
            try:
                test(box)
            finally:
                box.close("--keep" in sys.argv)
            passed += 1
            print(f"ok      {name} ({time.monotonic() - began:.1f} s)", flush=True)
        except Exception:  # a test that breaks in any way has failed
            failed += 1
            print(f"FAILED  {name}\n{traceback.format_exc()}", flush=True)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
