"""The world of world.py with real watchers: a service whose error rate, latency and health a test sets, a
Prometheus that scrapes it, and an Alertmanager that calls `rbk serve`.

The service counts requests and durations as a service does; Prometheus makes rates of them under the names the
plan asks for, so that "no traffic" is a real NaN, a metric that is not there a real empty answer, and a service
that cannot be scraped a series that Prometheus marks stale. All servers live as long as the world; `reset()` puts
back what a case has changed and waits until the watchers see it.
"""

import json
import os
import re
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from world import BIN, Proxy, World, free_port, wait_for

NORMAL = {"health": None, "error_rate": 0.0002, "p99": 0.08, "slack": 200, "page": 0, "traffic": True, "timed": True,
          "hidden": (), "scraped": True, "hang": (), "cut": ()}
BUCKETS = (0.02, 0.04, 0.06, 0.08, 0.1, 0.12, 0.15, 0.17, 0.18, 0.22, 0.5, 1, 2, 5, 10)

# Prometheus as a team would configure it, but for the times: the plan's recording rules and the alert that
# Alertmanager passes on.
PROMETHEUS = """
global: {{ scrape_interval: 100ms, scrape_timeout: 100ms, evaluation_interval: 100ms }}
rule_files: [ rules.yml ]
alerting: {{ alertmanagers: [ {{ static_configs: [ {{ targets: [ "127.0.0.1:{alertmanager}" ] }} ] }} ] }}
scrape_configs:
  - job_name: leads
    static_configs: [ {{ targets: [ "127.0.0.1:{service}" ] }} ]
"""
RULES = """
groups:
  - name: leads
    rules:
      - record: job:errors:ratio_rate5m
        expr: sum(rate(http_requests_total{code="500"}[800ms])) / sum(rate(http_requests_total[800ms]))
      - record: job:latency:p99
        expr: histogram_quantile(0.99, sum by (le) (rate(http_seconds_bucket[800ms])))
      - alert: AutoRollbackTrigger
        expr: leads_want_rollback == 1
        labels: { service: leads }
"""
ALERTMANAGER = """
route: {{ receiver: rbk, group_wait: 0s, group_interval: 100ms, repeat_interval: 1h }}
receivers:
  - name: rbk
    webhook_configs:
      - url: "{url}"
        send_resolved: true
        http_config: {{ authorization: {{ credentials: "{token}" }} }}
"""

# Runs before the real command of the same name. `hold` beside it names a step whose command waits with a child
# of its own until the test writes to the pipe `gate`. Every command looks whether one that was held lives still.
WRAPPER = """#!/bin/sh
here=$(dirname "$0")
[ -e "$here/held" ] && while read -r pid; do
    [ "$pid" = $$ ] && continue
    case $(cat "/proc/$pid/stat" 2>/dev/null) in "" | *") Z "*) ;; *) echo "$pid $RBK_STEP" >>"$here/alive" ;; esac
done <"$here/held"
echo "$RBK_STEP" >>"$here/calls"
if [ -e "$here/fail" ] && [ "$(cat "$here/fail")" = "$RBK_STEP" ]; then
    echo "made to fail by the test" >&2
    exit 9
fi
if [ -e "$here/hold" ] && [ "$(cat "$here/hold")" = "$RBK_STEP" ]; then
    rm "$here/hold"
    sh -c 'read -r go <"$1/gate"' held "$here" &
    printf '%s\\n%s\\n' $$ $! >"$here/held.new"
    mv "$here/held.new" "$here/held"
    wait
    rm "$here/held"
fi
exec REAL "$@"
"""


class Service:
    """/health, /metrics and a chat webhook that keeps what it got. `set()` turns the knobs of NORMAL: health (a
    status), error_rate, p99 (seconds), page (1: ask for the rollback), traffic (False: no requests, rates become
    NaN), timed (False: none of them timed), hidden (names of metrics that are not there), scraped (False: /metrics
    answers 500), slack (status of the chat), hang (paths that never answer), cut (paths whose connection ends
    without an answer)."""

    def __init__(self, replicas):
        self.knobs = dict(NORMAL)
        self.replicas = replicas  # how many the cluster has: without one nobody is healthy
        self.requests = self.errors = self.timed = 0.0
        self.buckets = [0.0] * len(BUCKETS)
        self.counted = time.monotonic()
        self.lock = threading.Lock()
        self.messages = []
        self.closing = threading.Event()
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def reply(self, status, body, kind="application/json"):
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                service.get(self, urllib.parse.urlsplit(self.path).path)

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                service.post(self, urllib.parse.urlsplit(self.path).path, body)

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # a client that goes away is no news

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def set(self, **knobs):
        assert not set(knobs) - set(NORMAL), knobs
        self.count()  # until now it was as before
        self.knobs.update(knobs)

    def count(self):
        """What a service of 1,000 requests a second has counted since the last time."""
        with self.lock:
            now = time.monotonic()
            more, self.counted = 1000 * (now - self.counted), now
            if self.knobs["traffic"]:
                self.requests += more
                self.errors += more * self.knobs["error_rate"]
            if self.knobs["timed"]:
                self.timed += more
                for index, bound in enumerate(BUCKETS):
                    self.buckets[index] += more if self.knobs["p99"] <= bound else 0

    def metrics(self):
        self.count()
        lines = {"http_requests_total": [f'http_requests_total{{code="200"}} {self.requests - self.errors}',
                                         f'http_requests_total{{code="500"}} {self.errors}'],
                 "http_seconds": ["# TYPE http_seconds histogram"]
                                 + [f'http_seconds_bucket{{le="{bound}"}} {count}'
                                    for bound, count in zip(BUCKETS, self.buckets)]
                                 + [f'http_seconds_bucket{{le="+Inf"}} {self.timed}'],
                 "leads_want_rollback": [f"leads_want_rollback {self.knobs['page']}"]}
        return "".join(line + "\n" for name, each in lines.items() if name not in self.knobs["hidden"]
                       for line in each).encode()

    def get(self, request, path):
        if path in self.knobs["hang"]:
            self.closing.wait(3600)
            request.close_connection = True
        elif path in self.knobs["cut"]:
            request.close_connection = True
        elif path == "/metrics" and self.knobs["scraped"]:
            request.reply(200, self.metrics(), "text/plain; version=0.0.4")
        elif path == "/health":
            status = self.knobs["health"] or (200 if int(self.replicas() or 0) > 0 else 503)
            request.reply(status, json.dumps({"status": "healthy" if status == 200 else "unhealthy"}).encode())
        elif path == "/slack":
            request.reply(self.knobs["slack"], b"{}")
        else:
            request.reply(500, b"{}")

    def post(self, request, path, body):
        if self.knobs["slack"] == 200:
            self.messages.append({"key": request.headers.get("Idempotency-Key"), **json.loads(body)})
        request.reply(self.knobs["slack"], b"{}")

    def close(self):
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()


class HoldingProxy(Proxy):
    """A proxy that can also hold the message that contains a text back until it is released."""

    held = None

    def hold(self, text):
        self.held, self.release = threading.Event(), threading.Event()
        self.rules = [[text.encode(), "hold", 1]]

    def clear(self):
        if self.held:
            self.release.set()
        super().clear()

    def apply(self, data):
        data, then = super().apply(data)
        if then == "hold":
            self.held.set()
            self.release.wait(120)
            then = None
        return data, then


class WatchWorld(World):
    """World with Prometheus and Alertmanager. Where a file system can be mounted, the disk that the plan watches
    is one of a megabyte; elsewhere `disk` cases have nothing to fill and are left out."""

    def __init__(self):
        self.servers = {}  # those that a case may kill: name -> process
        self.mounted = False
        self.held_session = None
        super().__init__()
        self.store = os.path.join(self.folder, "store.db")
        try:
            self.pg_proxy = HoldingProxy(self.pg_port)
            self.make_gate()
            self.mount_disk()
            self.start_serve()
            self.start_alertmanager()
            self.start_prometheus()
            self.settle()
        except BaseException:
            self.close()
            raise

    # ---- servers --------------------------------------------------------------------------------

    def start_service(self):
        self.web = Service(self.replicas)
        self.service = self.web.url

    def make_gate(self):
        for name in os.listdir(self.wrappers):
            path = os.path.join(self.wrappers, name)
            with open(path) as file:
                real = re.search(r"^exec (\S+)", file.read(), re.M)[1]
            with open(path, "w") as file:
                file.write(WRAPPER.replace("REAL", real))
        os.mkfifo(os.path.join(self.wrappers, "gate"))
        # The statements of every backend, to see in which order they ended.
        self.sql("ALTER SYSTEM SET log_line_prefix = '%p %a '", "postgres")
        self.sql("ALTER SYSTEM SET log_statement = 'all'", "postgres")
        self.sql("SELECT pg_reload_conf()", "postgres")

    def mount_disk(self):
        self.disk = os.path.join(self.folder, "disk")
        self.disk_link = os.path.join(self.folder, "watched-disk")
        os.mkdir(self.disk)
        os.symlink(self.disk, self.disk_link)
        self.mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "rbk-watch", self.disk],
                                      stderr=subprocess.DEVNULL, check=False).returncode == 0

    def start_prometheus(self):
        if not hasattr(self, "prometheus_port"):
            self.prometheus_port = free_port()
            self.prometheus_url = f"http://127.0.0.1:{self.prometheus_port}"
            self.write("prometheus.yml",
                       PROMETHEUS.format(alertmanager=self.alertmanager_port, service=self.web.port))
            self.write("rules.yml", RULES)
        self.start_server("prometheus", [
            "prometheus", f"--config.file={self.folder}/prometheus.yml", f"--storage.tsdb.path={self.folder}/tsdb",
            f"--web.listen-address=127.0.0.1:{self.prometheus_port}", "--log.level=warn",
            "--rules.alert.resend-delay=200ms"])

    def start_alertmanager(self):
        if not hasattr(self, "alertmanager_port"):
            self.alertmanager_port = free_port()
        self.write("alertmanager.yml", ALERTMANAGER.format(
                url=f"http://127.0.0.1:{self.serve_port}/api/v1/alerts", token=self.token))
        self.start_server("alertmanager", [
            "prometheus-alertmanager", f"--config.file={self.folder}/alertmanager.yml",
            f"--storage.path={self.folder}/alertmanager", "--cluster.listen-address=",
            f"--web.listen-address=127.0.0.1:{self.alertmanager_port}", "--log.level=warn"])

    def start_serve(self):
        """`rbk serve` on the store of all runs, and a token that may send it alerts."""
        if not hasattr(self, "serve_port"):
            self.serve_port = free_port()
            self.token = subprocess.run(
                [os.path.join(BIN, "rbk"), "token", "create", "--person", "alertmanager", "--alerts-only"],
                env=self.environment(self.store), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                check=True).stdout.decode().split()[-1]
        self.start_server("serve", [os.path.join(BIN, "rbk"), "serve", "--listen", f"127.0.0.1:{self.serve_port}"],
                          self.environment(self.store))

    def start_server(self, name, words, env=None):
        with open(os.path.join(self.folder, name + ".log"), "ab") as log:
            process = subprocess.Popen(words, stdout=log, stderr=log, cwd=self.folder, env=env)
        self.servers[name] = process

    def kill_server(self, name):
        process = self.servers.pop(name)
        process.kill()
        process.wait()

    def start_again(self, name):
        {"prometheus": self.start_prometheus, "alertmanager": self.start_alertmanager,
         "serve": self.start_serve}[name]()

    def freeze_prometheus(self):
        """It takes connections and never answers."""
        self.servers["prometheus"].send_signal(signal.SIGSTOP)

    def thaw_prometheus(self):
        self.servers["prometheus"].send_signal(signal.SIGCONT)

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w") as file:
            file.write(text)

    def close(self):
        self.let_go()
        for name in list(self.servers):
            self.kill_server(name)
        if self.mounted:
            subprocess.run(["umount", "-l", self.disk], check=False)
        if hasattr(self, "web"):
            self.web.close()
        super().close()

    # ---- looking and touching -------------------------------------------------------------------

    def ask(self, query):
        """The value of an instant query; None without a sample or an answer."""
        try:
            with urllib.request.urlopen(f"{self.prometheus_url}/api/v1/query?query={urllib.parse.quote(query)}",
                                        timeout=1) as answer:
                result = json.load(answer)["data"]["result"]
        except (OSError, urllib.error.URLError):
            return None
        return float(result[0]["value"][1]) if result else None

    def settled(self):
        """Whether the watchers see a service that is well, and no alert."""
        errors, p99 = self.ask("job:errors:ratio_rate5m"), self.ask("job:latency:p99")
        if errors is None or p99 is None or not errors < 0.001 or not p99 < 0.1 or \
                self.ask('ALERTS{alertstate="firing"}') is not None:
            return False
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.alertmanager_port}/api/v2/alerts",
                                        timeout=5) as answer:
                return not json.load(answer)
        except OSError:
            return False

    def posted(self):
        """How many notifications Alertmanager has sent."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.alertmanager_port}/metrics", timeout=5) as answer:
            text = answer.read().decode()
        total, failed = (sum(float(value) for value in re.findall(
            rf'^alertmanager_notifications{name}{{integration="webhook".*}} (\S+)$', text, re.M))
                         for name in ("_total", "_failed_total"))
        return total - failed

    def settle(self):
        wait_for(self.settled, 30, "Prometheus to see a healthy service")

    def control(self, **values):
        self.web.set(**values)

    def messages(self):
        return self.web.messages

    def reset_faults(self):
        self.let_go()
        for name in ("hold", "held", "alive", "fail"):
            path = os.path.join(self.wrappers, name)
            if os.path.exists(path):
                os.unlink(path)
        self.free_disk()
        for name in {"serve", "alertmanager", "prometheus"} - set(self.servers):
            self.start_again(name)
        self.thaw_prometheus()
        self.pg_proxy.clear()
        self.redis_proxy.clear()
        self.control(**NORMAL)
        if os.path.exists(os.path.join(self.wrappers, "calls")):
            os.unlink(os.path.join(self.wrappers, "calls"))

    def reset(self):
        super().reset()
        self.web.messages.clear()
        self.settle()

    def environment(self, store):
        return {**super().environment(store), "SLACK_URL": self.service + "/slack"}

    def parameters(self, watch="100ms", stand_by="100ms"):
        snapshots = os.path.join(self.folder, "snapshots")
        os.makedirs(snapshots, exist_ok=True)
        return [word for name, value in (
            ("api", self.service), ("metrics", self.prometheus_url), ("snapshots", snapshots),
            ("cache_at", f"redis://127.0.0.1:{self.redis_proxy.port}/0"), ("data_disk", self.disk_link),
            ("watch", watch), ("stand_by", stand_by)) for word in ("--set", f"{name}={value}")]

    # ---- faults and holds -----------------------------------------------------------------------

    def fill_disk(self):
        with open(os.path.join(self.disk, "full"), "wb") as file:
            file.write(bytes(1000 << 10))

    def disk_there(self):
        return os.path.exists(self.disk_link)

    def lose_disk(self):
        """Nothing is mounted where the plan looks."""
        os.unlink(self.disk_link)

    def free_disk(self):
        if not os.path.lexists(self.disk_link):
            os.symlink(self.disk, self.disk_link)
        if os.path.exists(os.path.join(self.disk, "full")):
            os.unlink(os.path.join(self.disk, "full"))

    def fail_command(self, step):
        with open(os.path.join(self.wrappers, "fail"), "w") as file:
            file.write(step)

    def hold_command(self, step):
        with open(os.path.join(self.wrappers, "hold"), "w") as file:
            file.write(step)

    def command_held(self):
        return os.path.exists(os.path.join(self.wrappers, "held"))

    def held_pids(self):
        if not self.command_held():
            return []
        with open(os.path.join(self.wrappers, "held")) as file:
            return [int(line) for line in file]

    def end_held(self):
        """Commands outlive a runner that was killed: one that is held would go on when it is let go."""
        for pid in self.held_pids():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def held_and_alive(self):
        """Commands that ran while a held one was alive: {"PID STEP", …}."""
        path = os.path.join(self.wrappers, "alive")
        return set(open(path).read().split("\n")[:-1]) if os.path.exists(path) else set()

    def hold_sql(self, statement):
        """A transaction of somebody else's that is open: what needs its end waits in the server."""
        self.held_session = subprocess.Popen(
            [os.path.join(self.pg_bin, "psql"), "-X", "-q", "-At", "-h", "127.0.0.1", "-p", str(self.pg_port), "-U",
             "postgres", "-d", "leads"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env={**os.environ, "PGAPPNAME": "somebody"})
        self.held_session.stdin.write(f"{statement};\nSELECT 'open';\n".encode())
        self.held_session.stdin.flush()
        while self.held_session.stdout.readline().strip() != b"open":
            assert self.held_session.poll() is None, "the transaction that holds others was not opened"

    def sql_held(self):
        return self.sql("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'rbk/%' "
                        "AND wait_event_type = 'Lock'", "postgres") != "0"

    def release_sql(self):
        if self.held_session:
            self.held_session.kill()
            self.held_session.wait()
            self.held_session.stdin.close()
            self.held_session.stdout.close()
            self.held_session = None

    def release_command(self):
        """A command that is held goes on; its child may not have opened the pipe yet."""
        def released():
            if not any(os.path.exists(f"/proc/{pid}") for pid in self.held_pids()):
                return True
            try:
                gate = os.open(os.path.join(self.wrappers, "gate"), os.O_WRONLY | os.O_NONBLOCK)
            except OSError:
                return False
            os.write(gate, b"go\n")
            os.close(gate)
            return True
        wait_for(released, what="a held command to go on")

    def release_reading(self):
        if hasattr(self, "pg_proxy") and getattr(self.pg_proxy, "held", None):
            self.pg_proxy.release.set()

    def let_go(self):
        """Whatever is held goes on."""
        self.release_sql()
        self.release_command()
        self.release_reading()

    def server_log(self):
        with open(os.path.join(self.folder, "pg", "log"), errors="replace") as file:
            return file.read()
