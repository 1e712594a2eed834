#!/usr/bin/env python3
"""The value of a secret, in any spelling, is nowhere but where the plan sends it: not in the store, its log or
a run's folder, not in what rbk prints, not in any process's arguments while the run goes on, not in a
message or a core. The commands and the server of this test echo it on purpose, in every form."""

import base64
import http.server
import json
import os
import re
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.parse

import box as b
from box import check

# What each is for: the first is the beginning of the second; then signs of shells, URLs, JSON, printf; lines.
SECRETS = {
    "short": "hunter2-Kx81",
    "longer": "hunter2-Kx81-and-Zq77-more",
    "signs": "p%41%s\"quo'te\\back`$(x)&=+/?#Vw39",
    "lines": "first-Line-Qj55\nsecond-Line-Rt66\n\tthird-Line-Mb12",
    "other": "übergrößé-\u2603-Tn90",
}


def spellings(value):
    """Everything a value could be found as."""
    data = value.encode()
    forms = {data, data.hex().encode(), data.hex().upper().encode(), b":".join(b"%02x" % each for each in data),
             urllib.parse.quote(value, safe="").encode(), urllib.parse.quote_plus(value).encode(),
             urllib.parse.quote(value).encode(), json.dumps(value)[1:-1].encode(),
             json.dumps(value, ensure_ascii=False)[1:-1].encode(), json.dumps(json.dumps(value)[1:-1])[1:-1].encode(),
             "".join(f"%{each:02X}" for each in data).encode()}
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + data)
        # The characters that hold bits of this value alone.
        start, end = (shift * 8 + 5) // 6, (shift + len(data)) * 8 // 6
        forms |= {encoded[start:end], encoded[start:end].replace(b"+", b"-").replace(b"/", b"_")}
    if len(data.splitlines()) > 1:
        forms |= {line.strip() for line in data.splitlines()}
    return {form for form in forms if len(form) >= 6}


FORMS = set().union(*(spellings(value) for value in SECRETS.values()))
PATTERN = re.compile(b"|".join(re.escape(form) for form in sorted(FORMS, key=len, reverse=True)))


def find(data):
    """The spelling found in the data, and what is around it; None when there is none."""
    found = PATTERN.search(data)
    return data[max(0, found.start() - 80):found.end() + 20] if found else None


# What the commands of the plan run: it prints the secrets it was handed in every form, on both outputs,
# in pieces, around the edges of buffers, and then waits so that the test can look at the processes.
ECHO = r'''
import base64, os, sys, time, urllib.parse, json
given = [os.environ[name].encode() for name in ("S_SHORT", "S_LONGER", "S_SIGNS", "S_LINES", "S_OTHER")]
given.append(sys.stdin.buffer.read())
for out in (sys.stdout.buffer, sys.stderr.buffer):
    for data in given:
        for form in (data, data.hex().encode(), data.hex().upper().encode(), base64.b64encode(data),
                     base64.b64encode(b"x" + data), base64.b64encode(b"xy" + data), base64.urlsafe_b64encode(data),
                     urllib.parse.quote_from_bytes(data, safe="").encode(), urllib.parse.quote_plus(data).encode(),
                     json.dumps(data.decode()).encode(), json.dumps(data.decode(), ensure_ascii=False).encode()):
            out.write(b"<" + form + b">" + form + form + b"\n")
            if form == data:
                for size in (4096, 16384):
                    out.write(b"." * (size - len(form) // 2) + form + b"\n")
            for at in range(len(form)):
                out.write(form[at:at + 1])
                if at < 40 and at % 8 == 0:
                    out.flush()
            out.write(b"\n")
    out.flush()
time.sleep(float(sys.argv[1]))
sys.exit(int(sys.argv[2]))
'''

PLAN = """module_line
plan keeps_secrets {
    secret short  from env "THE_SHORT"
    secret longer from file "longer.txt"
    secret signs  from command "cat signs.txt"
    secret lines  from file "lines.txt"
    secret other  from env "THE_OTHER"
    param server: url = "http://127.0.0.1:1/"
    connection shop = sqlite("shop.db")
    connection leaky = postgres("postgresql://u:${short}@127.0.0.1:1/${longer}")
    role boss { contact "boss@example.com" }
    escalate stuck to boss
    channel team = talk.to(short, server)
    probe up = http.status("${server}probe?key=${short}&more=${longer}") every 200ms
    on start { notify team "began" }
    on abort { notify team "turned round: ${run.reason}" }
    probe gone = http.latency("http://${short}.invalid/${longer}") every 200ms
    trigger down when up == 500 then pause
    trigger slow when gone > 10m since only then pause missing then notify team

    stage only "The only one" {
        risk low
        apply within 6m {
            run "python3 echo.py 0.6 0" timeout 20s idempotent into said
                env { S_SHORT: short, S_LONGER: longer, S_SIGNS: signs, S_LINES: lines, S_OTHER: other } stdin lines
            capture "what it said" said
            capture "it again" run "python3 echo.py 0 0" timeout 20s
                env { S_SHORT: short, S_LONGER: longer, S_SIGNS: signs, S_LINES: lines, S_OTHER: other } stdin longer
            let listed = lines(run.output("cat lines.txt longer.txt signs.txt")) timeout 5s
            let told = http.text("${server}tell?key=${longer}") timeout 5s
            let parsed = http.json("${server}tell.json?key=${other}", '.') timeout 5s
            let named = env("THE_SHORT_AGAIN")
            capture "the list" listed
            capture "the lines" "${listed} ${told} ${parsed} ${named}"
            capture "the name" named
            run ["python3", "-c", "import sys, time; time.sleep(0.3)", "--", named, "${listed}", "${told}"] timeout 5s idempotent
            run "sleep -- 0.3 ${env("THE_SHORT_AGAIN")}" timeout 5s idempotent optional because "sleep does not take it"
            foreach one in listed at most 20 { run ["sleep", "0.03", "--", one] timeout 5s idempotent optional because "words" }
            check "a label with ${said}" said == "x" timeout 5s optional because "only to see"
            sql shop "INSERT INTO notes VALUES (${said})" timeout 5s optional because "the value is hidden"
            sql shop "SELECT no_such_function(${said})" timeout 5s optional because "an error that tells"
            http POST "${server}take?key=${signs}&k=${longer}" header "X-Token" longer body lines into answer
                timeout 10s idempotent
            capture "the answer" answer
            http POST "${server}json" header "Authorization" "Bearer ${short}" json \"\"\"{ "a": ${signs}, "b": "x${lines}" }\"\"\"
                timeout 10s idempotent optional because "it is refused with everything in its reason"
            http POST "http://${short}.invalid/${longer}" timeout 3s idempotent optional because "no such host"
            shell "echo $LEAK >&2; exit 7" env { LEAK: signs } timeout 5s idempotent optional because "an error that tells"
            shell "echo ${signs} ${longer} >&2; exit 7" timeout 5s idempotent optional because "an error that tells"
            run "/nonexistent" env { LEAK: signs } timeout 5s idempotent optional because "no such program"
            run "python3 echo.py 0 9" timeout 20s idempotent optional because "an error that tells"
                env { S_SHORT: short, S_LONGER: longer, S_SIGNS: signs, S_LINES: lines, S_OTHER: other } stdin signs
            let read_1 = run.output("python3 echo.py 0 9") timeout 5s optional because "a reading that tells"
            let read_2 = run.output("sh -c 'cat longer.txt signs.txt lines.txt >&2; exit 3'") timeout 5s optional because "tells"
            let read_3 = http.text("http://${short}.invalid/${longer}") timeout 5s optional because "no such host"
            let read_4 = http.json("${server}tell?key=${longer}", '.key') timeout 5s optional because "no JSON"
            let read_5 = http.json("${server}tell.json?key=${longer}", '.raw | error') timeout 5s optional because "an error that tells"
            let read_6 = sql.value(leaky, "SELECT 1") timeout 5s optional because "an address that cannot be"
            check "failed readings" run.output("python3 echo.py 0 9") == "x" timeout 5s optional because "only to see"
            notify team "it said ${said}"
            run "touch made" timeout 5s idempotent
        }
        verify within 10s { check "it is there" file.exists("made") }
        rollback within 30s {
            run "rm -f made" timeout 5s idempotent
            verify { check "it is gone" not file.exists("made") }
        }
    }
}
"""

TALK = """module talk

channel to(token: secret, server: url) {
    http POST "${server}message?key=${token}" header "Authorization" "Bearer ${token}"
        json \"\"\"{ "text": ${message}, "token": ${token} }\"\"\" timeout 5s
}
"""


class Server:
    """Tells back whatever it is told, in bodies, headers and reasons; keeps what it got."""

    def __init__(self):
        self.got = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                outer.got.append((self.path.encode(), str(self.headers).encode(), body))
                status = 403 if self.path.startswith("/json") else 200
                if self.path.startswith("/tell.json"):
                    body = json.dumps({"path": urllib.parse.unquote(self.path), "raw": self.path}).encode()
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                    return
                told = self.path.encode() + b"\n" + str(self.headers).encode() + b"\n" + body + b"\n" + \
                    base64.b64encode(body) + body.hex().encode()
                self.send_response(status, "No" if status == 403 else "OK")
                self.send_header("X-Path", self.path)
                self.send_header("Content-Length", str(len(told)))
                self.end_headers()
                self.wfile.write(told)

            do_GET = do_POST = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Watcher:
    """Reads the arguments of all processes again and again; keeps what has a secret in it."""

    def __init__(self):
        self.found, self.turns, self.seen, self.running = set(), 0, set(), True
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()

    def watch(self):
        while self.running:
            for pid in filter(str.isdigit, os.listdir("/proc")):
                try:
                    with open(f"/proc/{pid}/cmdline", "rb") as file:
                        words = file.read()
                except OSError:
                    continue
                name = os.path.basename(words.split(b"\0")[0])
                self.seen.add(b"echo.py" if b"echo.py" in words else name)
                if find(words):
                    self.found.add(words)
            self.turns += 1
            time.sleep(0.002)

    def stop(self):
        self.running = False
        self.thread.join(10)


def prepare(box, text=PLAN):
    """The folder of the plan, and where its secrets come from."""
    box.write("p.rbk", text.replace("module_line", "use talk"))
    box.write("talk.rbk", TALK)
    box.write("echo.py", ECHO)
    box.write("longer.txt", SECRETS["longer"] + "\n")
    box.write("signs.txt", SECRETS["signs"])
    box.write("lines.txt", SECRETS["lines"] + "\n")
    box.query("CREATE TABLE notes (text)", path=box.path("shop.db"))
    box.env.update(THE_SHORT=SECRETS["short"], THE_SHORT_AGAIN=SECRETS["short"], THE_OTHER=SECRETS["other"])


def search_everything(box, *texts):
    """The store and its log, the run's folder, texts, and what every command of rbk prints."""
    places = 0
    for folder, _, names in os.walk(box.path("state")):
        for name in names:
            path = os.path.join(folder, name)
            check(not find(path.encode()), f"the name {path}")
            if not os.path.isfile(path):
                continue
            with open(path, "rb") as file:
                hit = find(file.read())
            check(not hit, f"{path}: {hit}")
            places += 1
    check(places >= 3, f"only {places} files in the store's folder")
    store = sqlite3.connect(box.store)
    for (table,) in store.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
        for row in store.execute(f"SELECT * FROM {table}").fetchall():
            hit = find(repr(row).encode()) or find("\n".join(map(str, row)).encode())
            check(not hit, f"table {table}: {hit}")
    store.close()
    for words in (("status",), ("status", "--json"), ("log",), ("log", "--json"), ("runs",), ("runs", "--json"),
                  ("report",), ("report", "--format", "html"), ("report", "--format", "json")):
        done = box.run("rbk", *words)
        check(not find(done.text), f"{words}: {find(done.text)}")
    for text in texts:
        check(not find(text), f"printed: {find(text)}")
    for path in ("p.rbkm",):
        if os.path.exists(box.path(path)):
            check(not find(box.read(path)), path)


def watched_run(box, server, *more):
    watcher = Watcher()
    try:
        done = box.run("rbk", "run", "p.rbk", "--no-wait", "--set", "server=" + server.url, *more, seconds=60)
    finally:
        watcher.stop()
    check(not watcher.found, f"in the arguments of a process: {watcher.found}")
    check(watcher.turns > 20, f"looked {watcher.turns} times only")
    return done, watcher


def every_spelling_is_seen_by_this_test(box):
    """What the command says, raw: a test that could not see it would prove nothing."""
    prepare(box)
    names = {"S_" + name.upper(): value for name, value in SECRETS.items()}
    said = subprocess.run([sys.executable, box.path("echo.py"), "0", "0"], env={**box.env, **names},
                          input=SECRETS["longer"].encode(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True)
    check(find(said.stdout), "nothing")
    for line in said.stdout.splitlines():
        check(find(line) or len(line) < 8, line)


def secrets_are_nowhere_after_a_run(box):
    server = Server()
    try:
        prepare(box)
        done, watcher = watched_run(box, server)
    finally:
        server.close()
    check(done.status == 0, done)
    check({b"rbk", b"rbk-supervisor", b"echo.py"} <= watcher.seen, f"did not see them all: {watcher.seen}")
    # They did arrive where the plan sends them …
    got = b"\n".join(b"\n".join(each) for each in server.got)
    for name, form in (("short", SECRETS["short"]), ("longer", SECRETS["longer"]), ("lines", SECRETS["lines"]),
                       ("signs", urllib.parse.quote(SECRETS["signs"], safe="")),
                       ("signs", json.dumps(SECRETS["signs"])[1:-1])):
        check(form.encode() in got or form.encode().replace(b"\n", b"\r\n") in got, f"{name} did not arrive: {form}")
    # … and what came back is kept without them.
    search_everything(box, done.text, box.read("shop.db"))
    evidence = box.query("SELECT label, content FROM evidence")
    check(len(evidence) >= 3, f"{len(evidence)} pieces of evidence")
    check(all("[secret]" in content for _, content in evidence), [label for label, _ in evidence])
    messages = [body for path, _, body in server.got if path.startswith(b"/message")]
    check(len(messages) >= 2, f"{len(messages)} messages")
    for body in messages:
        said = json.loads(body)
        check(said["token"] == SECRETS["short"] and not find(said["text"].encode()), said["text"][:300])
        check(0 < len(said["text"]) < 20_000, f"a message of {len(said['text'])} characters")


def secrets_are_nowhere_after_a_json_run_and_a_machine(box):
    server = Server()
    try:
        prepare(box)
        check(box.run("rbkc", "build", "p.rbk", "-o", "p.rbkm").status == 0, "the machine")
        done, _ = watched_run(box, server, "--json")
    finally:
        server.close()
    check(done.status == 0, done)
    search_everything(box, done.text)


def secrets_are_nowhere_after_a_crash(box):
    """Killed while the command that was handed them runs; the supervisor and the resumed run keep them, too."""
    server = Server()
    try:
        prepare(box)
        watcher = Watcher()
        try:
            process = box.start("rbk", "run", "p.rbk", "--no-wait", "--set", "server=" + server.url)
            deadline = time.monotonic() + 20
            while b"echo.py" not in watcher.seen and time.monotonic() < deadline:
                time.sleep(0.01)
            time.sleep(0.2)  # in the middle of its output, or after it: both must do
            process.kill()
            first = b"".join(process.communicate(timeout=20))
            search_everything(box, first)
            done = box.run("rbk", "resume", "--no-wait", seconds=60)
        finally:
            watcher.stop()
    finally:
        server.close()
    check(not watcher.found, f"in the arguments of a process: {watcher.found}")
    check(done.status in (0, 30), done)
    search_everything(box, first, done.text)


def secrets_that_cannot_be_had_are_named_not_shown(box):
    prepare(box)
    cases = {"THE_SHORT": ("", "abc", "x" * 70_000), "THE_OTHER": ("", "ab")}
    for name, values in cases.items():
        for value in values:
            done = box.refused("rbk", "run", "p.rbk", "--no-wait", env={name: value}, statuses=(2,), says="secret `")
            check(len(value) < 4 or value.encode() not in done.text, done)
    for name in ("longer.txt", "signs.txt"):
        for data in (None, b"", b"\n", b"abc", b"x" * 70_000):
            if data is None:
                os.rename(box.path(name), box.path("away"))
            else:
                box.write(name, data)
            box.refused("rbk", "run", "p.rbk", "--no-wait", statuses=(2,), says="secret `")
            if data is None:
                os.rename(box.path("away"), box.path(name))
        box.write(name, SECRETS[name.split(".", maxsplit=1)[0]])
    os.unlink(box.path("longer.txt"))
    os.mkdir(box.path("longer.txt"))
    box.refused("rbk", "run", "p.rbk", "--no-wait", statuses=(2,), says="secret `longer`")
    if os.path.exists(box.store):
        check(box.query("SELECT count(*) FROM runs") == [(0,)], "a run was left behind")


def a_reading_is_redacted_before_it_is_cut(box):
    """What others see of a long reading does not end with the beginning of a secret."""
    secret = "Kq7vTzRb" * 6
    box.query("CREATE TABLE notes (note)", path=box.path("shop.db"))
    box.query(f"INSERT INTO notes VALUES ('{'.' * 140}{secret}')", path=box.path("shop.db"))
    box.write("p.rbk", '''plan keeps_it {
    secret key from env "KEY"
    connection shop = sqlite("shop.db")
    probe note = sql.value(shop, "SELECT note FROM notes") as text every 100ms timeout 1s
    trigger odd when note == "x" then pause
    rollback within 5m
    stage only "The only one" {
        apply within 2m {
            run "touch made" timeout 5s idempotent env { K: key }
            wait until file.exists("go") every 50ms timeout 60s
        }
        verify within 10s { check "it is there" file.exists("made") }
        rollback within 30s {
            run "rm -f made" timeout 5s idempotent
            verify { check "it is gone" not file.exists("made") }
        }
    }
}
''')
    process = box.start("rbk", "run", "--plain", "p.rbk", env={"KEY": secret}, stdout=subprocess.DEVNULL,
                        stderr=open(box.path("run.err"), "wb"))

    def readings():
        for folder, _, files in os.walk(box.folder):
            if "readings.json" in files:
                with open(os.path.join(folder, "readings.json")) as file:
                    return [probe for probe in json.load(file)["probes"] if "." * 100 in probe.get("value", "")]
        return None
    end = time.monotonic() + 20
    while not (got := readings()):
        check(process.poll() is None and time.monotonic() < end, box.read("run.err"))
        time.sleep(0.05)
    process.kill()
    process.wait()
    check(secret[:4] not in str(got), got)


def secrets_in_the_wrong_place_do_not_compile(box):
    box.write("talk.rbk", TALK)
    for number, wrong in enumerate((
            'run "echo ${key}" timeout 5s idempotent', 'run ["echo", key] timeout 5s idempotent',
            'check "x ${key}" true == true', 'let x = key', 'capture "x" key', 'let x = "a${key}"', 'let x = lines(key)',
            'let x = run.output("echo ${key}")', 'run "touch x" cancel "stop ${key}" timeout 5s idempotent',
            'check "x" key == "a"', 'manual "x ${key}" by boss within 1m else abort', 'notify team "x ${key}"',
            'sql shop "SELECT ${key}" timeout 5s', 'redis cache "SET a ${key}" timeout 5s idempotent',
            'let x = sql.value(shop, "SELECT ${key}")', 'let x = file.exists(key)',
            'capture "x ${key}" file.exists("x")', 'ask boss "x ${key}" within 1m else abort')):
        path = box.write(f"wrong{number}.rbk", b.plan(
            apply='            run "touch made" timeout 5s idempotent\n            ' + wrong,
            head='    secret key from env "KEY"\n    role boss { contact "b" }\n    channel team = talk.to(key, "http://h/")\n'
                 '    connection cache = redis("redis://h/0")'
        ).replace("plan small", "use talk\n\nplan small"))
        box.refused("rbkc", "build", path, statuses=(1,), says="RBK1[36]0")


if __name__ == "__main__":
    b.main([every_spelling_is_seen_by_this_test, secrets_are_nowhere_after_a_run, secrets_are_nowhere_after_a_json_run_and_a_machine,
            secrets_are_nowhere_after_a_crash, secrets_that_cannot_be_had_are_named_not_shown,
            a_reading_is_redacted_before_it_is_cut, secrets_in_the_wrong_place_do_not_compile])
