"""Small plans run for real: a folder with a store, servers shared by all cases, a loopback HTTP service that
remembers what it was asked, and people who answer. Cases run on a small pool of threads; each has a folder
and names of its own, so none sees another.

A plan tells the order of its steps by the file `trace`: `tell("a")` is a step that adds a line to it.
"""

import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from box import STDLIB, Box
from world import World, wait_for

WORKERS = 3
USER = subprocess.run(["id", "-un"], stdout=subprocess.PIPE, check=True).stdout.decode().strip()
# A role that the tests may speak for, one they may not, and the way every stage here is shown to stand.
OPS = f'role ops {{ contact "ops@example.com" members "{USER}" }}'
STRANGER = 'role stranger { contact "s@example.com" members "nobody-here" }'
HOOK = """
    secret hook from env "HOOK"
    channel incident = http.webhook(hook)
"""
USE = "use std.http"
FAIL = 'run "false" timeout 5s idempotent\n'
CHECK = 'check "the trace is there" file.exists("trace")'


def tell(word):
    return f'shell "echo {word} >> trace" timeout 10s idempotent\n'


def hold(word="go"):
    """A step that ends when the test lets it."""
    return f'wait until file.exists("{word}") every 50ms timeout 25s\n'


def stage(name, apply, rollback=None, verify=CHECK, more="", within="2m", back="40s"):
    """A stage that goes back by telling `back_NAME`."""
    rollback = tell("back_" + name) if rollback is None else rollback
    return f"""
    stage {name} "Stage {name}" {{
        unwatched because "a test"
        {more}
        apply within {within} {{
            {apply}
        }}
        verify within 20s {{ {verify} }}
        rollback within {back} {{
            {rollback}
            verify {{ {CHECK} }}
        }}
    }}"""


def trigger(name, rest, when='file.exists("bad")', every="every 100ms timeout 5s"):
    return f"trigger {name} when {when} {every} {rest}\n"


def plan(*stages, head="", use="", tail=""):
    return f"{use}\nplan small {{\n    rollback within 2h\n    {head}\n{''.join(stages)}\n    {tail}\n}}\n"


def expect(got, wanted, what):
    if got != wanted:
        raise AssertionError(f"{what}: got {got!r}, expected {wanted!r}")


class Web:
    """A service on loopback. It answers what it was sent, /slow after two seconds, /status/N with the status N, and GET /state/… with
    what was PUT there."""

    def __init__(self):
        self.requests = []
        self.state = {}
        web = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                web.requests.append((self.command, self.path, dict(self.headers), body.decode()))
                words = self.path.split("?")[0].strip("/").split("/")
                status, answer = 200, body
                if words[0] == "slow":
                    time.sleep(2)
                elif words[0] == "status":
                    status = int(words[1])
                elif words[0] == "state":
                    if self.command == "PUT":
                        web.state[self.path] = body
                    answer = web.state.get(self.path, b'{"mode": "none"}')
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(answer)

            do_PUT = do_POST = do_DELETE = do_PATCH = do_HEAD = do_GET

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # a client that goes away is no news

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def got(self, path):
        return [each for each in self.requests if each[1].startswith(path)]


class Scene(Box):
    """One case's folder."""

    def __init__(self, world, web, name):
        super().__init__()
        self.world, self.web, self.name = world, web, name
        self.process = None
        self.given = set()

    # ---- servers --------------------------------------------------------------------------------

    def database(self):
        """A database of its own; gives the connection's address."""
        self.world.sql(f"CREATE DATABASE {self.name}", "postgres")
        return f"postgresql://postgres@127.0.0.1:{self.world.pg_port}/{self.name}"

    def sql(self, text):
        return self.world.sql(text, self.name)

    def cache(self):
        return f"redis://127.0.0.1:{self.world.redis_port}/0"

    def hook(self):
        return f"{self.web.url}/hook/{self.name}"

    def hooked(self):
        """What HOOK asks of the environment."""
        return {"HOOK": self.hook()}

    def told(self):
        """The messages that the webhook of this case got."""
        return [json.loads(body) for _, _, _, body in self.web.got(f"/hook/{self.name}")]

    def texts(self):
        return [each["message"] for each in self.told()]

    # ---- the run --------------------------------------------------------------------------------

    def begin(self, text, *words, env=None, name="plan.rbk", wait=False):
        """`rbk run` of a plan, or of the file `name`; with `wait` it waits for decisions."""
        if text is not None:
            self.write(name, text)
        self.env.update(env or {})
        self.log = open(self.path("log"), "ab")
        self.process = self.start("rbk", "run", name, *([] if wait else ["--no-wait"]), *words, stdout=self.log,
                                  stderr=subprocess.STDOUT)
        return self

    def resume(self, wait=False):
        self.process = self.start("rbk", "resume", *([] if wait else ["--no-wait"]), stdout=self.log,
                                  stderr=subprocess.STDOUT)
        return self

    def die(self):
        """The runner is killed."""
        self.process.kill()
        self.process.wait()

    def touch(self, name):
        self.write(name, "")

    def until_traced(self, word):
        self.until(lambda: word in self.trace(), f"{word} in the trace")

    def ask(self, text, *values):
        try:
            store = sqlite3.connect(f"file:{self.store}?mode=ro", uri=True, timeout=5)
            try:
                return store.execute(text, values).fetchall()
            finally:
                store.close()
        except sqlite3.OperationalError:
            return []

    def status(self):
        rows = self.ask("SELECT status FROM runs")
        return rows[0][0] if rows else None

    def look(self):
        """`rbk status --json`, or {} before there is a run."""
        if not self.ask("SELECT id FROM runs"):
            return {}
        done = self.run("rbk", "status", self.run_id(), "--json")
        return json.loads(done.out) if done.status == 0 else {}

    def until(self, condition, what, seconds=20):
        """Wait for something that happens while the run goes on."""
        try:
            return wait_for(condition, seconds, what)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.tail()}") from None

    def until_status(self, status):
        self.until(lambda: self.status() == status, f"status {status}")

    def say(self, verb, *words, status=0):
        """A command of `rbk` about this run."""
        done = self.run("rbk", verb, self.run_id(), *words)
        if status is not None and done.status != status:
            raise AssertionError(f"{done}\n{self.tail()}")
        return done

    def question(self, kind=None):
        """The name of the open question."""
        def find():
            for each in self.look().get("questions", []):
                if kind in (None, each["kind"]) and each["question"] not in self.given:
                    return each["question"]
            return None
        return self.until(find, f"a question of kind {kind}")

    def answer(self, answer, kind=None):
        name = self.question(kind)
        self.given.add(name)
        return self.say("answer", name, answer)

    def ends(self, code, status=None, seconds=40):
        """Wait for the runner and compare how it ended."""
        try:
            got = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the runner did not end\n{self.tail()}") from None
        if got != code or (status and self.status() != status):
            raise AssertionError(f"ended with {got}, {self.status()}; expected {code}, {status}\n{self.tail()}")
        return self

    def tail(self):
        with open(self.path("log"), errors="replace") as file:
            return file.read()[-4000:]

    def trace(self, *wanted):
        """The order of the steps; compared when given."""
        got = self.read("trace").decode().split() if os.path.exists(self.path("trace")) else []
        if wanted and got != list(wanted):
            raise AssertionError(f"the order is {got}, expected {list(wanted)}\n{self.tail()}")
        return got

    def holds(self, name, text):
        expect(self.read(name).decode().strip(), text, f"the file {name}")

    def close(self, keep=False):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        super().close(keep)


def play(cases):
    """Run the cases named on the command line, or all, side by side; prints the closing line."""
    wanted = [word for word in sys.argv[1:] if not word.startswith("-")]
    cases = [each for each in cases if not wanted or each.__name__ in wanted]
    world, web = World(), Web()
    began_all = time.monotonic()

    def one(case):
        began, scene = time.monotonic(), Scene(world, web, case.__name__)
        try:
            try:
                case(scene)
            finally:
                scene.close("--keep" in sys.argv)
            print(f"ok      {case.__name__} ({time.monotonic() - began:.1f} s)", flush=True)
            return True
        except Exception:  # a case that breaks in any way has failed
            print(f"FAILED  {case.__name__}\n{traceback.format_exc()}", flush=True)
            return False

    try:
        with ThreadPoolExecutor(WORKERS) as pool:
            results = list(pool.map(one, cases))
    finally:
        world.close()
    print(f"{time.monotonic() - began_all:.0f} s")
    print(f"{results.count(True)} passed, {results.count(False)} failed")
    sys.exit(1 if False in results else 0)


__all__ = ["CHECK", "FAIL", "HOOK", "OPS", "STDLIB", "STRANGER", "USE", "USER", "Scene", "expect", "hold", "plan", "play",
           "stage", "tell", "trigger", "wait_for"]
