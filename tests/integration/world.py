"""The world plans/lead_cutover changes, on one machine: real PostgreSQL and Redis, the stand-ins for the
service and the cluster's command, and proxies that make one statement or command fail or hang.

Everything is on loopback, on free ports, in one temporary folder; whatever was started is stopped by its
process object.
"""

import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

SOURCE = os.environ.get("RBK_SOURCE") or os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
BIN = os.environ.get("RBK_BIN") or os.path.join(SOURCE, "build", "bin")
PLAN = os.path.join(SOURCE, "plans", "lead_cutover")
COMMANDS = ("kubectl", "pg_dump", "pg_restore")

# Runs before the real command of the same name: `fault` beside it holds "STEP MODE", and only the
# command of that step fails, hangs or is slow. The real one comes next in PATH.
WRAPPER = """#!/bin/sh
here=$(dirname "$0")
if [ -e "$here/fault" ]; then
    read -r step mode <"$here/fault"
    if [ "$step" = "$RBK_STEP" ]; then
        echo "$(basename "$0") $*" >>"$here/met"
        [ "$mode" = hang ] && exec sleep 3600
        if [ "$mode" = slow ]; then
            echo "$RBK_STEP $(basename "$0") $$" >>"$here/calls"
            sleep 1
            exec REAL "$@"
        fi
        echo "made to fail by the test" >&2
        exit 9
    fi
fi
echo "$RBK_STEP $(basename "$0") $$" >>"$here/calls"
exec REAL "$@"
"""

# Ends whoever still speaks to the database, and waits until they are gone.
ALONE = """SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid();
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(condition, seconds=20, what="it"):
    """Poll a condition; a bounded wait for something that is known to come."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"waited {seconds} s for {what}")


class Proxy:
    """Passes bytes on. A rule (text, mode, nth) meets the nth client message that contains the text:
    'fail' breaks the word so that the server refuses it, 'hang' holds the connection for ever, 'cut' passes
    it on and closes both sides before the answer."""

    def __init__(self, upstream):
        self.upstream = upstream
        self.rules = []
        self.met = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.sockets = []
        threading.Thread(target=self.accept, daemon=True).start()

    def set(self, text, mode, nth=1):
        self.met = 0
        self.rules = []
        self.also(text, mode, nth)

    def also(self, text, mode, nth=1):
        self.rules.append([text.encode(), mode, nth])

    def clear(self):
        self.rules = []
        for each in self.sockets:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.sockets = []

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.upstream))
            except OSError:
                client.close()
                continue
            for each in (client, server):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.sockets += [client, server]
            threading.Thread(target=self.forward, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self.forward, args=(server, client, False), daemon=True).start()

    def apply(self, data):
        """What to send on, and what to do then: None, 'hang' or 'cut'."""
        for rule in self.rules:
            text, mode, left = rule
            if text not in data:
                continue
            rule[2] -= 1
            if left != 1:
                continue
            self.met += 1
            if mode == "fail":
                return data.replace(text, text[:-2] + b"\x01\x01"), None
            return (b"" if mode == "hang" else data), mode
        return data, None

    def forward(self, source, target, from_client):
        try:
            while True:
                data = source.recv(262144)
                if not data:
                    break
                then = None
                if from_client:
                    data, then = self.apply(data)
                if data:
                    target.sendall(data)
                if then == "hang":
                    while source.recv(65536):
                        pass
                    break
                if then == "cut":
                    break
        except OSError:
            pass
        for each in (source, target):
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def quicken(text):
    """The plan with its times in seconds instead of minutes and hours; nothing else changes but who the
    people are: the tests answer as the user they run as."""
    units = {"ms": 1, "s": 1000, "m": 60000, "h": 3600000, "d": 86400000}

    def scale(divisor, floor_ms):
        def change(match):
            ms = int(match[2]) * units[match[3]]
            return f"{match[1]}{max(ms // divisor, floor_ms)}ms"
        return change

    number = r"(\d+)(ms|s|m|h|d)\b"
    # A trigger's own reading may take as long as its interval: a busy machine needs a second for it.
    text = text.replace(">= 1% every 30s", ">= 1% every 600s")
    # A baseline without a reading holds the run: a busy machine may need half a second for the first.
    text = re.sub(r"(\bover\s+)" + number, scale(1000, 300), text)
    text = re.sub(r"(\bevery\s+)" + number, scale(600, 100), text)
    text = re.sub(r"(\bfor\s+)" + number, scale(2000, 100), text)
    text = re.sub(r"(\bhold\s+)" + number, scale(300, 500), text)
    text = re.sub(r"(\btimeout\s+)" + number, scale(100, 2000), text)
    # Questions first: their `within` is followed by `else`.
    text = re.sub(r"(\bwithin\s+)" + number + r"(?=\s+else)", scale(300, 4000), text)
    # Stopping the step under way takes 10 s at worst, however quick the plan is.
    text = re.sub(r"(?m)^(    rollback within )\d+m", r"\g<1>30m", text)
    text = re.sub(r"(\bwithin\s+)(\d+)(s|m|h|d)\b", scale(30, 6000), text)
    text = re.sub(r"(avg\(error_rate, )" + number, scale(300, 1000), text)
    text = text.replace('window   22:00 to 02:00 "Europe/Berlin"', 'window   00:00 to 00:00 "UTC"')
    user = subprocess.run(["id", "-un"], stdout=subprocess.PIPE, check=True).stdout.decode().strip()
    text = re.sub(r"members .*?\}", f'members "{user}" }}', text)
    return text


class World:
    """Servers, folders, and the plan made quick."""

    watch = "1s"  # how long the run observes, and how long the old table stays
    before = None  # the picture of what reset() makes

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="rbk-world-")
        os.chmod(self.folder, 0o755)
        self.processes = []
        try:
            self.start_postgres()
            self.start_redis()
            self.make_cluster()
            self.start_service()
            self.make_plan()
        except BaseException:
            self.close()
            raise

    # ---- servers --------------------------------------------------------------------------------

    def as_postgres(self, *words):
        return ["runuser", "-u", "postgres", "--", *words] if os.geteuid() == 0 else list(words)

    def start_postgres(self):
        self.pg_bin = subprocess.run(["pg_config", "--bindir"], stdout=subprocess.PIPE,
                                     check=False).stdout.decode().strip()
        if not os.path.exists(os.path.join(self.pg_bin, "initdb")):
            self.pg_bin = sorted(os.path.join("/usr/lib/postgresql", version, "bin")
                                 for version in os.listdir("/usr/lib/postgresql"))[-1]
        data = os.path.join(self.folder, "pg")
        os.mkdir(data)
        if os.geteuid() == 0:
            shutil.chown(data, "postgres", "postgres")
        self.pg_port = free_port()
        subprocess.run(self.as_postgres(os.path.join(self.pg_bin, "initdb"), "-D", os.path.join(data, "d"), "-A",
                                        "trust", "-U", "postgres", "--no-sync"),
                       stdout=subprocess.DEVNULL, check=True, cwd="/")
        self.pg_data = os.path.join(data, "d")
        log = os.path.join(data, "log")
        subprocess.run(self.as_postgres(
            os.path.join(self.pg_bin, "pg_ctl"), "-D", self.pg_data, "-w", "-l", log, "-o",
            f"-p {self.pg_port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={data} -c fsync=off",
            "start"), stdout=subprocess.DEVNULL, check=True, cwd="/")
        self.sql("CREATE DATABASE leads", "postgres")
        self.pg_proxy = Proxy(self.pg_port)

    def start_redis(self):
        self.redis_port = free_port()
        self.processes.append(subprocess.Popen(
            ["redis-server", "--port", str(self.redis_port), "--bind", "127.0.0.1", "--dir", self.folder,
             "--save", ""], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        wait_for(lambda: self.redis("PING", quiet=True) == "PONG", what="redis")
        self.redis_proxy = Proxy(self.redis_port)

    def make_cluster(self):
        self.cluster = os.path.join(self.folder, "cluster")
        self.wrappers = os.path.join(self.folder, "wrappers")
        os.makedirs(os.path.join(self.cluster, "deployments"))
        os.mkdir(self.wrappers)
        shutil.copy(os.path.join(PLAN, "local", "kubectl"), os.path.join(self.cluster, "kubectl"))
        for name in COMMANDS:
            real = os.path.join(self.cluster, name) if name == "kubectl" else os.path.join(self.pg_bin, name)
            path = os.path.join(self.wrappers, name)
            with open(path, "w") as file:
                file.write(WRAPPER.replace("REAL", real))
            os.chmod(path, 0o755)

    def start_service(self):
        port_file = os.path.join(self.folder, "service.port")
        self.processes.append(subprocess.Popen(
            [sys.executable, os.path.join(PLAN, "local", "service.py"), port_file, self.cluster]))
        wait_for(lambda: os.path.exists(port_file), what="the service")
        with open(port_file) as file:
            self.service = f"http://127.0.0.1:{file.read()}"

    def make_plan(self):
        self.plan = os.path.join(self.folder, "plan")
        self.stdlib = os.path.join(self.folder, "stdlib")
        for folder in (self.plan, self.stdlib):
            shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(PLAN, self.plan)
        shutil.copytree(os.path.join(SOURCE, "stdlib"), self.stdlib)
        for path in [os.path.join(self.plan, "plan.rbk"),
                     *(os.path.join(self.stdlib, name) for name in os.listdir(self.stdlib))]:
            with open(path) as file:
                text = quicken(file.read())
            with open(path, "w") as file:
                file.write(text)

    def change_plan(self, change):
        path = os.path.join(self.plan, "plan.rbk")
        with open(path) as file:
            text = file.read()
        changed = change(text)
        assert changed != text, "the plan does not say what the test wants to change"
        with open(path, "w") as file:
            file.write(changed)

    def close(self):
        for process in self.processes:
            process.kill()
            process.wait()
        if hasattr(self, "pg_data"):
            subprocess.run(self.as_postgres(os.path.join(self.pg_bin, "pg_ctl"), "-D", self.pg_data, "-m",
                                            "immediate", "stop"), stdout=subprocess.DEVNULL, check=False, cwd="/")
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- looking and touching -------------------------------------------------------------------

    def sql(self, text, database="leads"):
        done = subprocess.run([os.path.join(self.pg_bin, "psql"), "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1",
                               "-h", "127.0.0.1", "-p", str(self.pg_port), "-U", "postgres", "-d", database],
                              input=text.encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if done.returncode:
            raise AssertionError(f"psql: {done.stderr.decode()}")
        return done.stdout.decode().strip()

    def redis(self, *words, quiet=False):
        done = subprocess.run(["redis-cli", "-p", str(self.redis_port), *words], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL if quiet else None, check=False)
        return done.stdout.decode().strip()

    def control(self, **values):
        request = urllib.request.Request(self.service + "/control", json.dumps(values).encode(), method="PUT")
        urllib.request.urlopen(request, timeout=10).read()

    def messages(self):
        with urllib.request.urlopen(self.service + "/messages", timeout=10) as answer:
            return json.load(answer)

    def replicas(self):
        with open(os.path.join(self.cluster, "deployments", "intelliflow-api")) as file:
            return file.read()

    def reset_faults(self):
        """Nothing is made to fail any more."""
        self.pg_proxy.clear()
        self.redis_proxy.clear()
        for name in ("fault", "met", "calls"):
            path = os.path.join(self.wrappers, name)
            if os.path.exists(path):
                os.unlink(path)
        self.control(health=None, error_rate=0.0002, p99=0.08, slack=200, hang=[])

    def reset(self):
        """The world as it is before a run."""
        self.reset_faults()
        self.watch = World.watch
        with open(os.path.join(self.cluster, "deployments", "intelliflow-api"), "w") as file:
            file.write("3")
        with open(os.path.join(PLAN, "local", "legacy.sql")) as file:
            self.sql(ALONE + "DROP SCHEMA public CASCADE; CREATE SCHEMA public;\n" + file.read())
        self.redis("FLUSHALL")
        self.redis("-n", "1", "SET", "session", "kept")
        if self.before is None:
            self.before = self.picture()

    def picture(self):
        """Everything the plan could have changed, as one comparable value."""
        dump = subprocess.run([os.path.join(self.pg_bin, "pg_dump"), "-h", "127.0.0.1", "-p", str(self.pg_port),
                               "-U", "postgres", "--inserts", "leads"], stdout=subprocess.PIPE,
                              check=True).stdout.decode()
        # Rows have no order; pg_dump gives them as they lie in the table.
        dump = "\n".join(sorted(line for line in dump.splitlines()
                                if not line.startswith(("\\restrict", "\\unrestrict", "--"))))
        return {"database": dump,
                "rows": self.sql("SELECT * FROM legacy_leads ORDER BY id")
                        if self.sql("SELECT to_regclass('legacy_leads') IS NOT NULL") == "t" else "",
                "cache": self.redis("-n", "1", "GET", "session") + self.redis("DBSIZE"),
                "replicas": self.replicas()}

    # ---- faults ---------------------------------------------------------------------------------

    def break_command(self, step, mode):
        with open(os.path.join(self.wrappers, "fault"), "w") as file:
            file.write(f"{step} {mode}\n")

    def command_met(self):
        return os.path.exists(os.path.join(self.wrappers, "met"))

    # ---- running --------------------------------------------------------------------------------

    def environment(self, store):
        database = f"postgresql://postgres@127.0.0.1:{self.pg_proxy.port}/leads"
        return {"PATH": self.wrappers + ":" + os.environ["PATH"], "HOME": self.folder, "LANG": "C.UTF-8",
                "DATABASE_URL": database, "SLACK_URL": self.service + "/slack?token=xoxb-secret-9137",
                "RBK_STORE": store, "RBK_STDLIB": self.stdlib, "TZ": "UTC",
                **{name: value for name, value in os.environ.items() if name.startswith(("RBK_TEST_", "ASAN_"))}}

    def parameters(self):
        snapshots = os.path.join(self.folder, "snapshots")
        os.makedirs(snapshots, exist_ok=True)
        return ["--set", f"api={self.service}", "--set", f"metrics={self.service}",
                "--set", f"cache_at=redis://127.0.0.1:{self.redis_proxy.port}/0",
                "--set", f"snapshots={snapshots}", "--set", f"data_disk={self.folder}",
                "--set", f"watch={self.watch}", "--set", f"stand_by={self.watch}"]


class Run:
    """One run of the plan in a store of its own, and the people around it."""

    def __init__(self, world, name, env=None, plan="plan.rbk"):
        self.world = world
        self.folder = os.path.join(world.folder, "runs", name.replace("/", "_"))
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        self.store = os.path.join(self.folder, "store.db")
        self.env = {**world.environment(self.store), **(env or {})}
        self.log = open(os.path.join(self.folder, "log"), "ab")
        self.plan = plan
        self.given = set()
        self.process = None
        self.seen = self.looked_at = None
        self.looked = {}

    def start(self):
        self.process = subprocess.Popen(
            [os.path.join(BIN, "rbk"), "run", self.plan, "--no-wait", "--unrehearsed", "a test",
             *self.world.parameters()],
            cwd=self.world.plan, env=self.env, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def resume(self, env=None):
        self.process = subprocess.Popen(
            [os.path.join(BIN, "rbk"), "resume", "--no-wait"], cwd=self.world.plan,
            env={**{k: v for k, v in self.env.items() if not k.startswith("RBK_TEST_")}, **(env or {})},
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def rbk(self, *words):
        return subprocess.run([os.path.join(BIN, "rbk"), *words], cwd=self.world.plan, env=self.env,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              check=False)

    def compile(self):
        done = subprocess.run([os.path.join(BIN, "rbkc"), "build", "plan.rbk", "--stdout"], cwd=self.world.plan,
                              env=self.env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
        return done.stdout

    def query(self, text, *values):
        try:
            store = sqlite3.connect(f"file:{self.store}?mode=ro", uri=True, timeout=5)
            try:
                return store.execute(text, values).fetchall()
            finally:
                store.close()
        except sqlite3.OperationalError:
            return []

    def id(self):
        rows = self.query("SELECT id FROM runs")
        return rows[0][0] if rows else None

    def status(self):
        rows = self.query("SELECT status FROM runs")
        return rows[0][0] if rows else None

    def events(self):
        return [(seq, kind, json.loads(body))
                for seq, kind, body in self.query("SELECT seq, kind, body FROM events ORDER BY seq")]

    def machine(self):
        return json.loads(self.query("SELECT text FROM machines")[0][0])

    def tail(self):
        self.log.flush()
        with open(os.path.join(self.folder, "log"), errors="replace") as file:
            return file.read()[-4000:]

    # ---- people ---------------------------------------------------------------------------------

    def look(self):
        """`rbk status --json`, {} before there is a run; asked again only when the journal has grown."""
        newest = self.query("SELECT run, max(seq) FROM events GROUP BY run")
        if newest and newest != self.looked_at:
            done = self.rbk("status", newest[0][0], "--json")
            if done.returncode == 0:
                self.looked_at, self.looked = newest, json.loads(done.stdout)
        return self.looked

    def questions(self):
        """What is open; looked for where the journal stands still, since a question stays until it is answered."""
        seen, self.seen = self.seen, self.query("SELECT max(id) FROM events")
        return self.look().get("questions", []) if seen == self.seen else []

    def answer_open_questions(self, policy):
        """Answer what is open: policy maps a question's name to an answer, "" to nothing (let it expire);
        what it does not name is agreed to."""
        for each in self.questions():
            name = each["question"]
            if name in self.given:
                continue
            answer = policy.get(name, "done" if each["kind"] in ("manual", "doubt") else
                                "abort" if each["kind"] == "decide" else "yes")
            self.given.add(name)
            if answer:
                self.rbk("answer", self.id(), name, answer, "--reason", "played")

    def finish(self, policy=None, seconds=90, on_turn=None):
        """Play the people until the runner ends; returns its exit status. `on_turn` is called again and
        again with this run, for tests that act at a certain moment."""
        policy = policy or {}
        deadline = time.monotonic() + seconds
        while True:
            code = self.process.poll()
            if code is not None:
                return code
            if time.monotonic() > deadline:
                self.process.kill()
                self.process.wait()
                raise AssertionError(f"the run did not end in {seconds} s\n{self.tail()}")
            if on_turn is not None:
                on_turn(self)
            self.answer_open_questions(policy)
            time.sleep(0.02)
