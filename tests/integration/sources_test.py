#!/usr/bin/env python3
"""Where readings come from, when it is not well: a small HTTP server that plays a metrics service, a Prometheus and
a Loki, each with everything that can be wrong with an answer. Debian has no Loki: what is played here follows its
HTTP API (GET /loki/api/v1/query, resultType vector, values as text, `status` and `error` of a refusal, an empty
result where no line is found). Prometheus is real where it is installed (modules_test.py, watch_test.py); here it is
made to say what the real one says only on a bad day.

    sources_test.py [--keep] [CASE...]
"""

import json
import os
import signal
import socket
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from scene import HOOK, expect, hold, plan, play, stage, tell
from world import free_port


def vector(*values):
    return json.dumps({"status": "success", "data": {"resultType": "vector", "result": [
        {"metric": {"n": str(i)}, "value": [1700000000.5, value]} for i, value in enumerate(values)]}})


# query: (status, body, seconds before the answer)
PROMETHEUS = {
    "one": (200, vector("0.25"), 0),
    "scalar": (200, '{"status":"success","data":{"resultType":"scalar","result":[1700000000,"0.5"]}}', 0),
    "none": (200, vector(), 0),
    "several": (200, vector("1", "2"), 0),
    "nan": (200, vector("NaN"), 0),
    "inf": (200, vector("+Inf"), 0),
    "minus_inf": (200, vector("-Inf"), 0),
    "words": (200, vector("many"), 0),
    "matrix": (200, '{"status":"success","data":{"resultType":"matrix","result":[]}}', 0),
    "refused": (400, '{"status":"error","errorType":"bad_data","error":"1:5: parse error"}', 0),
    "error_200": (200, '{"status":"error","error":"no storage"}', 0),
    "broken": (500, "out of memory\nmore\n", 0),
    "not_json": (200, "<html>", 0),
    "empty": (200, "", 0),
    "slow": (200, vector("1"), 6),
}

# What each gives: the words of the line about the probe; None: a reading.
SAID = {
    "one": None, "scalar": None, "none": "0 samples, where one is needed", "several": "2 samples, where one is needed",
    "nan": "the sample is NaN", "inf": "the sample is +Inf", "minus_inf": "the sample is -Inf", "words": "",
    "matrix": "a matrix, where one sample is needed", "refused": "1:5: parse error",
    "error_200": "the server says: no storage", "broken": "HTTP status 500: out of memory", "not_json": "", "empty": "",
    "slow": "timed out", "nobody": "", "hangs": "timed out", "closes": "",
}

# path: what http.json(…, '.v') and http.status give
METRICS = {
    "number": (200, '{"v": 7}', None), "text": (200, '{"v": "7"}', None), "null": (200, '{"v": null}', ""),
    "words": (200, '{"v": "seven"}', ""), "object": (200, '{"v": {"a": 1}}', ""), "nan": (200, '{"v": "NaN"}', ""),
    "huge": (200, '{"v": 1e999}', ""), "teapot": (418, "short and stout", "HTTP status 418: short and stout"),
    "cut": (200, None, ""),
}


class Sources:
    def __init__(self):
        self.asked = []
        sources = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                parts = urllib.parse.urlsplit(self.path)
                query = urllib.parse.parse_qs(parts.query).get("query", [""])[0]
                sources.asked.append((parts.path, query))
                name = parts.path.rsplit("/", 1)[-1]
                if parts.path.endswith("/loki/api/v1/query"):
                    answer = sources.loki(query)
                elif parts.path.endswith("/api/v1/query"):
                    answer = PROMETHEUS.get(query, PROMETHEUS["one"])
                else:
                    answer = METRICS[name][:2] + (0,)
                status, body, seconds = answer
                if seconds:
                    time.sleep(seconds)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body) if body is not None else 100))
                self.end_headers()
                self.wfile.write((body if body is not None else '{"v": 7').encode())
                self.close_connection = body is None

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.lines = "12"

    def loki(self, query):
        if "nonsense" in query:
            return 400, "parse error at line 1, col 5: syntax error: unexpected IDENTIFIER", 0
        return 200, vector(*([self.lines] if self.lines else [])), 0

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Odd:
    """A socket that takes connections and says nothing, or hangs up."""

    def __init__(self, closes):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self.kept = []

        def serve():
            while True:
                try:
                    taken, _ = self.socket.accept()
                except OSError:
                    return
                taken.close() if closes else self.kept.append(taken)
        threading.Thread(target=serve, daemon=True).start()

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        for each in self.kept:
            each.close()


def said_of(scene, name):
    """What the run said about a probe; None when it gives readings."""
    head = f"probe {name} gives no reading: "
    lines = [line.split(head, 1)[1] for line in scene.tail().splitlines() if head in line]
    return lines[0] if lines else None


def watch(scene, probes, said, use=""):
    """A plan with these probes; each must be read well, or missing with the words given."""
    reaction = HOOK + "".join(f"probe {name} = {text} every 4s timeout 2s\n" for name, text in probes.items())
    # One trigger for each: what is missing says so, and stops nothing.
    reaction += "".join(f"trigger t_{name} when {name} > 1000.0 since a started then pause missing then notify incident\n"
                        for name in probes)
    scene.begin(plan(stage("a", tell("a") + hold()), use=use + "\nuse std.http", head=reaction), env={"HOOK": scene.hook()})
    scene.until_traced("a")
    missing = [name for name in probes if said[name] is not None]
    scene.until(lambda: all(said_of(scene, name) is not None for name in missing), "a word about each missing probe")
    for name in probes:
        got, wanted = said_of(scene, name), said[name]
        expect((got is None, wanted or ""), (wanted is None, wanted if got and wanted in got else ""),
               f"what {name} says ({got!r})")
    # Each has told its channel that it is missing, and none has fired.
    scene.until(lambda: len(scene.told()) >= len(missing), "a message of each missing probe")
    told = " ".join(each["message"] for each in scene.told())
    expect(sorted(name for name in probes if f"t_{name} " in told), sorted(missing), "who told of missing data")
    expect(scene.status(), "running", "nothing else happened")
    scene.touch("go")
    scene.ends(0, "completed")


def prometheus_on_a_bad_day(scene):
    sources, hangs, closes = Sources(), Odd(False), Odd(True)
    try:
        address = {"nobody": f"http://127.0.0.1:{free_port()}", "hangs": hangs.url, "closes": closes.url}
        watch(scene, {name: f"prom.value(\"{address.get(name, sources.url + '/')}\", '{name}')" for name in SAID}, SAID,
              use="use std.prometheus as prom")
        expect({path for path, _ in sources.asked}, {"/api/v1/query"}, "the slash at the end of the address")
    finally:
        sources.close(), hangs.close(), closes.close()


def json_of_a_service(scene):
    sources = Sources()
    try:
        watch(scene, {name: f"http.json(\"{sources.url}/metrics/{name}\", '.v') as number" for name in METRICS},
              {name: row[2] for name, row in METRICS.items()})
    finally:
        sources.close()


def a_range_is_asked_of_the_server(scene):
    sources = Sources()
    try:
        scene.begin(plan(stage("a", f"""
            let top = prom.max_over("{sources.url}/prom/", 'x # why', 10m) timeout 5s
            let least = prom.min_over("{sources.url}", 'x', 90s, step: 500ms) as seconds timeout 5s
            check "new" prom.fresh("{sources.url}", 'x{{a="b"}}', 90s) as seconds == 250ms timeout 5s
            check "mean" prom.avg_over("{sources.url}", 'x', 1h) as ratio == 25% timeout 5s
            check "both" top == 0.25 and least == 250ms timeout 5s
            """ + tell("a")), use="use std.prometheus as prom")).ends(0, "completed")
        expect(sources.asked, [
            ("/prom/api/v1/query", "max_over_time((x # why\n)[600000ms:15000ms]) and (x # why\n)"),
            ("/api/v1/query", "min_over_time((x\n)[90000ms:500ms]) and (x\n)"),
            ("/api/v1/query", '(x{a="b"}\n) and ((time() - timestamp((x{a="b"}\n))) * 1000 <= 90000)'),
            ("/api/v1/query", "avg_over_time((x\n)[3600000ms:15000ms]) and (x\n)")], "the queries")
    finally:
        sources.close()


def log_lines_are_counted(scene):
    sources = Sources()
    query = '{app="leads"} |= "ERROR"'
    try:
        scene.begin(plan(stage("a", f"""
            check "twelve" loki.lines("{sources.url}/", '{query}', 5m) == 12 timeout 5s
            """ + tell("twelve") + hold() + f"""
            check "none" loki.lines("{sources.url}", '{query}', 5m) == 0 timeout 5s
            check "refused" (loki.lines("{sources.url}", 'nonsense', 5m) ?? 77) == 77 timeout 5s
            """ + tell("a") + f"""check "refused" loki.lines("{sources.url}", 'nonsense', 5m) == 0 timeout 5s"""),
            use="use std.loki"))
        scene.until_traced("twelve")
        sources.lines = None  # nothing was logged
        scene.touch("go")
        scene.ends(30, "held").trace("twelve", "a", "back_a")
        expect(sources.asked[0], ("/loki/api/v1/query", f"sum(count_over_time({query}\n[300000ms]))"), "the query")
        expect("HTTP status 400: parse error at line 1" in scene.tail(), True, "Loki's words in " + scene.tail())
    finally:
        sources.close()


def readings_of_the_host_and_of_sql(scene):
    db = scene.database()
    scene.sql("CREATE TABLE t (r numeric); INSERT INTO t VALUES (0.25)")
    words = {"disk": None, "no_disk": "no such file", "load": None, "share": None, "no_row": "", "two_rows": "", "null": "",
             "words": "", "above": None, "below": None, "nan": "", "no_table": "nowhere",
             "binary": "its output is not text", "endless": "its output is longer than"}
    texts = {"disk": 'host.disk_free("/") * 1.0', "no_disk": 'host.disk_free("/nowhere") * 1.0', "load": "host.load()"}
    queries = {"share": "SELECT r FROM t", "no_row": "SELECT r FROM t WHERE false", "two_rows": "SELECT r FROM t, (VALUES (1), (2)) v",
               "null": "SELECT NULL::numeric", "words": "SELECT 'much'", "above": "SELECT 1.5", "below": "SELECT -0.5",
               "nan": "SELECT 'NaN'::float8", "no_table": "SELECT 1 FROM nowhere"}
    texts.update({"binary": 'run.output("head -c 99 /dev/urandom") as ratio',
                  "endless": 'run.output("head -c 3000000 /dev/zero") as ratio'})
    texts.update({name: f'sql.ratio(db, "{query}") * 1.0' for name, query in queries.items()})
    for name in texts:
        if name != "load":
            texts[name] = texts[name].replace(" * 1.0", "")
    probes = "".join(f"probe {name} = {text} every 4s timeout 3s\n" for name, text in texts.items())
    seen = " ".join(f'capture "{name}" {name} timeout 5s\n' for name, said in words.items() if said is None)
    scene.begin(plan(stage("a", tell("a") + hold() + seen), head=f'connection db = postgres("{db}")\n' + probes + "".join(
        f"trigger t_{name} when {name} > {'1000.0' if name == 'load' else '99.9%'} since a then pause missing then pause\n"
        for name in texts)))
    scene.until_traced("a")
    missing = [name for name, said in words.items() if said is not None]
    scene.until(lambda: all(said_of(scene, name) is not None for name in missing), "a word about each missing probe")
    for name, said in words.items():
        got = said_of(scene, name)
        expect((got is None, bool(got is None or said in got)), (said is None, True), f"what {name} says ({got!r})")
    # Four readings of a disk that hangs must leave room for the others.
    expect(len(os.listdir(f"/proc/{scene.process.pid}/task")) > 16, True, "enough threads for what may hang")
    # A share above 1 is not hidden: it is more than any threshold.
    scene.touch("go")
    scene.ends(0, "completed")
    kept = dict(scene.ask("SELECT label, CAST(content AS TEXT) FROM evidence"))
    expect((kept["share"], kept["above"], kept["below"]), ("25%", "150%", "-50%"), f"what was read: {kept}")


def a_second_look(scene):
    """The trigger fires only when a reading that was begun later says so, too; after a restart both are taken anew."""
    scene.write("level", "1")
    # Each reading is a line in `looks`; what it gives is in `level`.
    scene.begin(plan(stage("a", tell("a") + hold()), head="""
        probe level = int(run.output("sh -c 'echo x >> looks; test ! -e gone && cat level'")) every 4s timeout 2s
        trigger high when level > 5 since a started confirm within 6s then abort missing then pause
        """))
    scene.until_traced("a")

    def looks():
        return len(scene.read("looks").split()) if os.path.exists(scene.path("looks")) else 0

    first = looks()
    scene.write("level", "9")
    scene.until(lambda: looks() >= first + 1, "another look", 30)  # one may have been half way
    scene.until(lambda: scene.status() == "aborted", "the end")
    scene.ends(10, "aborted")
    expect("level = 9; it is read again before it fires" in scene.tail(), True, scene.tail())
    expect("level = 9; confirmed by a second look" in scene.tail(), True, scene.tail())


def a_second_look_that_disagrees_and_one_that_fails(scene):
    """The command gives 9 once, then what `level` says; a mark makes it give nothing."""
    scene.write("level", "1")
    scene.write("peek", """
        if test -e spike; then rm spike; echo 9; exit; fi
        test ! -e gone && cat level
        """)
    scene.begin(plan(stage("a", tell("a") + hold()), head="""
        probe level = int(run.output("sh peek")) every 1s timeout 900ms missing after 60
        trigger high when level > 5 since a started confirm within 2s then abort missing then pause
        """))
    scene.until_traced("a")
    scene.touch("spike")
    scene.until(lambda: "level = 1; it does not hold at a second look: it does not fire" in scene.tail(), "the notice")
    expect(scene.status(), "running", "one bad reading is not enough")
    # A runner that dies between the two looks takes both again when it is back; then no second one comes.
    scene.write("peek", "if test -e bad; then test ! -e said && cat bad && touch said; else cat level; fi")
    scene.write("bad", "8")  # once, and then nothing
    scene.until(lambda: "level = 8; it is read again before it fires" in scene.tail(), "the first look")
    scene.process.kill()
    scene.process.wait()
    scene.write("bad", "7")
    os.unlink(scene.path("said"))
    scene.resume()
    scene.until_status("aborted")
    scene.ends(10, "aborted")
    expect("level = 7; it is read again before it fires" in scene.tail(), True, scene.tail())
    expect("no second reading came in time" in scene.tail(), True, scene.tail())


def a_second_look_of_its_own_readings(scene):
    scene.begin(plan(stage("a", tell("a") + hold()), head="""
        trigger stop when file.exists("stop") every 2s timeout 900ms since a started confirm within 3s then abort missing then pause
        """))
    scene.until_traced("a")
    scene.touch("stop")
    scene.until_status("aborted")
    scene.ends(10, "aborted")
    expect("it is read again before it fires" in scene.tail(), True, scene.tail())


def an_alert_is_a_reading_of_who_waits_for_it(scene):
    """Only what is told of its own alert counts, not that others are told of, nor that a run has begun."""
    scene.begin(plan(stage("a", tell("a") + hold(), more=""), head="""
        probe paged = alert("Paged", service: "leads")
        trigger often when count(paged, 5m) > 1 then abort
        """), wait=True)
    scene.until_traced("a")
    for words in (("Other", "firing"), ("Other", "resolved"), ("Paged", "firing"), ("Other", "firing"),
                  ("Paged", "firing", "--label", "service=leads")):
        scene.say("alert", *words)
    scene.say("alert", "Paged", "resolved", "--label", "service=leads")
    scene.ends(10, "aborted")


def a_runner_that_stood_still(scene):
    """Stopped for longer than its readings last: that is held against no source, and no span goes on."""
    scene.write("level", "1")
    scene.write("look", "echo look >> looks; cat level")
    scene.write("looks", "")
    scene.begin(plan(stage("a", tell("a") + 'check "calm" int(run.output("sh look")) < 5 for 2500ms\n' + tell("calm")), head="""
        probe level = int(run.output("cat level")) every 200ms timeout 200ms
        trigger high when level > 5 then pause missing then abort
        probe other = int(run.output("cat other")) every 200ms timeout 200ms
        trigger waits when other > 5 since a started then pause missing hold 2500ms then abort
        """))
    scene.until_traced("a")
    scene.until(lambda: "waits cannot be read" in scene.tail() and scene.read("looks"), "the hold and the check to begin")
    scene.process.send_signal(signal.SIGSTOP)
    scene.write("other", "1")
    time.sleep(3)  # nothing is waited for: this is how long it stands still
    looks = scene.read("looks").split()
    scene.process.send_signal(signal.SIGCONT)
    scene.until_traced("calm")
    # It looks once a second: one look would do if the time before counted, or that in which it stood still.
    expect(len(scene.read("looks").split()) - len(looks) > 2, True, "the check had its whole span")
    scene.ends(0, "completed")


def a_baseline_of_too_few_readings(scene):
    scene.write("peek", "test -e ready && cat level")
    scene.write("level", "10")
    scene.begin(plan(stage("a", tell("a")), head="""
        probe level = int(run.output("sh peek")) every 200ms timeout 200ms
        baseline level over 2s at least 4 readings
        trigger high when level > 2 * baseline(level) then pause missing then pause
        """)).ends(30, "held")
    expect(scene.trace(), [], "nothing was changed")
    expect("level gave 0 readings of at least 4 for its baseline, in 2s" in scene.tail(), True, scene.tail())
    scene.touch("ready")
    scene.say("retry", "--no-wait")
    scene.resume().ends(0, "completed").trace("a")
    said = [json.loads(body).get("message", "") for body, in scene.ask("SELECT body FROM events WHERE kind = 'result'")]
    expect(any(each.startswith("level = 10 of ") and each.endswith(" readings") for each in said), True, f"in {said}")


CASES = [prometheus_on_a_bad_day, json_of_a_service, a_range_is_asked_of_the_server, log_lines_are_counted,
         readings_of_the_host_and_of_sql, a_second_look, a_second_look_that_disagrees_and_one_that_fails,
         a_second_look_of_its_own_readings, an_alert_is_a_reading_of_who_waits_for_it,
         a_runner_that_stood_still, a_baseline_of_too_few_readings]

if __name__ == "__main__":
    play(CASES)
