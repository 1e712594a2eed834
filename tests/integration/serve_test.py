"""rbk serve against real runs: what it shows is what `rbk status` and the journal say, what is asked through it
reaches the runner as the person of the token, alerts of Alertmanager set probes once, streams go on where they
were, and it refuses to be reached from elsewhere without tokens and TLS. Every answer is held against
docs/openapi.json.

    serve_test.py [--keep] [TEST …]
"""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading

from box import check, main, plan
from serve_world import Client, Server, Stream, context_of, tls_files, token_of, until

ROLES = 'role dba { contact "dba@example.com" members "alice" }\n    role ops { contact "o@example.com" members "bob" }'

# Waits for alice, then for a file; an alert turns it round.
PLAN = """plan served {{
    title "A plan to look at"
    owner "Somebody"
    {roles}
    connection shop = sqlite("shop.db")
    rollback within 5m
    probe rows = sql.value(shop, "SELECT 7") every 100ms timeout 1s
    probe bad = alert("TooManyErrors", service: "shop")
    trigger many when rows > 100 for 2 readings then abort
    trigger page when bad == true then abort
    stage first "The first" {{
        approve dba within 10m else abort
        apply within 2m {{
            run "touch made" timeout 5s idempotent
            wait until file.exists("go") every 50ms timeout 60s
        }}
        verify within 10s {{ check "it is there" file.exists("made") }}
        rollback within 30s {{
            run "rm -f made" timeout 5s idempotent
            verify {{ check "it is gone" not file.exists("made") }}
        }}
    }}
}}
"""


def start_run(box, text=None):
    """A run under way; its id."""
    box.write("served.rbk", text or PLAN.format(roles=ROLES))
    box.query("CREATE TABLE IF NOT EXISTS orders (id)", path=box.path("shop.db"))
    process = box.start("rbk", "run", "--plain", "served.rbk", stdout=subprocess.DEVNULL,
                        stderr=open(box.path("run.err"), "wb"))
    box.runner = process

    def there():
        check(process.poll() is None, box.read("run.err"))
        return os.path.exists(box.store) and box.query("SELECT count(*) FROM sqlite_schema WHERE name = 'runs'")[0][0] \
            and box.query("SELECT id FROM runs")
    return until(there, "the run is there")[0][0]


def end_run(box, status):
    check(box.runner.wait(30) == status, box.read("run.err"))


def asked(client, run):
    """The only question, once it is open."""
    return until(lambda: client.get(f"/api/v1/runs/{run}/questions")["questions"], "a question is open")[0]


def approved(client, run):
    question = asked(client, run)
    return client.post(f"/api/v1/runs/{run}/answers", {"question": question["id"], "answer": "yes"})


def what_is_shown_is_what_status_and_the_journal_say(box):
    run = start_run(box)
    with Server(box) as server:
        client = Client(server, token_of(box))
        asked(client, run)
        runs = client.get("/api/v1/runs")["runs"]
        check([row["run"] for row in runs] == [run] and runs[0]["runner"], runs)
        shown = client.get(f"/api/v1/runs/{run}")
        said = json.loads(box.run("rbk", "status", "--json", run).out)
        for key in ("run", "plan", "status", "machine", "events", "stages", "user"):
            check(shown[key] == said[key], f"{key}: {shown[key]} and {said[key]}")
        drawn = client.get(f"/api/v1/runs/{run}/machine")
        check([stage["stage"] for stage in drawn["stages"]] == ["first"], drawn)
        check({t["trigger"]: t["condition"] for t in drawn["triggers"]}["many"] == "rows > 100", drawn)
        check({role["role"]: role["members"] for role in drawn["roles"]} == {"dba": ["alice"], "ops": ["bob"]}, drawn)
        page = client.get(f"/api/v1/runs/{run}/events?from=1&limit=1")
        check([event["seq"] for event in page["events"]] == [1] and page["next"] == 2, page)
        rows = box.query("SELECT seq, kind, hash, body FROM events ORDER BY seq")
        events = client.get(f"/api/v1/runs/{run}/events")["events"]
        for event, (seq, kind, digest, body) in zip(events, rows):
            check((event["seq"], event["kind"], event["hash"], event["body"]) == (seq, kind, digest, json.loads(body)),
                  f"{event} and {seq} {kind} {digest}")
        client.get(f"/api/v1/runs/{run}/events?from=0", status=400)
        client.get(f"/api/v1/runs/{run}/events?limit=100000", status=400)
        client.get("/api/v1/runs/20200101-0000-aaaa", status=404)
        client.get("/api/v1/runs?status=completed,held")
        check(client.get("/api/v1/me") == {"person": "alice", "scope": "all", "roles": None,
                                           "token": client.token.split("_")[1]}, client.get("/api/v1/me"))
        client.post(f"/api/v1/runs/{run}/commands", {"command": "abort", "reason": "seen enough"})
        end_run(box, 10)
        check(client.get("/api/v1/runs?unfinished=true")["runs"] == [], "it has ended")
        check(client.get(f"/api/v1/runs/{run}")["status"] == "aborted", "it was aborted")


def runs_come_by_pages_and_by_what_they_are(box):
    for name in ("one", "two", "three"):
        box.write("quick.rbk", plan().replace("plan small", f"plan {name}"))
        check(box.run("rbk", "run", "quick.rbk").status == 0, name)
    held = box.write("held.rbk", plan('run "false" timeout 5s idempotent'))
    check(box.run("rbk", "run", "--no-wait", held).status in (10, 20, 30), "it fails")
    with Server(box) as server:
        alice = Client(server, token_of(box))
        ids = [row["run"] for row in alice.get("/api/v1/runs")["runs"]]
        check(len(ids) == 4, ids)
        got, after = [], ""
        while True:
            page = alice.get("/api/v1/runs?limit=3" + after)
            got += [row["run"] for row in page["runs"]]
            if "next" not in page:
                break
            check(len(page["runs"]) == 3 and len(got) <= 4, page)
            after = "&after=" + page["next"]
        check(got == ids, f"{got} and {ids}")
        plans = [row["plan"] for row in alice.get("/api/v1/runs?plan=two")["runs"]]
        check(plans == ["two"], plans)
        done = {row["plan"] for row in alice.get("/api/v1/runs?status=completed,cancelled")["runs"]}
        check(done == {"one", "two", "three"}, done)
        alice.get("/api/v1/runs?limit=0", status=400)
        alice.get("/api/v1/runs?unfinished=maybe", status=400)
        check("runing" in alice.get("/api/v1/runs?status=held,runing", status=400)["detail"], "a status that is none")
        check(server.ask("POST", "/api/v1/runs", {}, token=alice.token, described=False).json()["detail"], "405 says why")
        check(alice.get("/api/v1/runs?after=20200101-0000-aaaa")["runs"] == [], "behind a run that is not there")


def an_answer_is_given_as_the_person_of_the_token(box):
    run = start_run(box)
    with Server(box) as server:
        alice, bob = Client(server, token_of(box)), Client(server, token_of(box, person="bob"))
        limited = Client(server, token_of(box, "--role", "ops"))
        reader = Client(server, token_of(box, "--read-only"))
        path = f"/api/v1/runs/{run}/answers"
        question = asked(alice, run)
        check(question["answers"] == ["yes", "no"] and question["mine"], question)
        check(question["roles"] == [{"role": "dba", "people": 1}] and not question["four_eyes"], question)
        for other in (bob, limited, reader):
            check(not asked(other, run)["mine"], other.token)
        yes = {"question": question["id"], "answer": "yes", "reason": "looks fine"}
        check("it waits for dba (alice)" in bob.post(path, yes, status=403)["detail"], "whom it waits for")
        check("some roles only" in limited.post(path, yes, status=403)["detail"], "why alice may not")
        reader.post(path, yes, status=403)
        check(box.query("SELECT count(*) FROM inbox") == [(0,)], "a refused answer reached the inbox")
        other = alice.post(path, {**yes, "question": question["id"] + 1}, status=409)
        check(other["detail"].endswith(f"is not open; open: {question['id']}"), other)
        alice.post(path, {**yes, "answer": "perhaps"}, status=400)
        alice.post(path, {**yes, "user": "root"}, status=400)
        alice.post(path, {"answer": "yes"}, status=400)
        done = alice.post(path, yes)
        check(done["state"] == "accepted" and done["who"] == "alice", done)
        check(alice.get(f"/api/v1/runs/{run}/requests/{done['request']}")["state"] == "accepted", done)
        alice.post(path, yes, status=409)
        alice.get(f"/api/v1/runs/{run}/requests/999999", status=404)
        box.write("go", "")
        end_run(box, 0)
        check("the run has ended: completed" in alice.post(path, yes, status=409)["detail"], "it has ended")
        body = [event for event in alice.get(f"/api/v1/runs/{run}/events")["events"] if event["kind"] == "answer"][0]
        check(body["who"] == "alice" and body["body"]["answer"] == "yes", body)


def two_people_agree_with_a_token_each(box):
    roles = 'role dba { contact "dba@example.com" members "alice", "bob", "carol" }'
    run = start_run(box, PLAN.format(roles=roles).replace("approve dba", "approve 2 of dba four eyes"))
    with Server(box) as server:
        alice, bob = Client(server, token_of(box)), Client(server, token_of(box, person="bob"))
        again = Client(server, token_of(box))
        question = asked(alice, run)
        check(question["roles"] == [{"role": "dba", "people": 2}] and question["four_eyes"], question)
        yes = {"question": question["id"], "answer": "yes"}
        path = f"/api/v1/runs/{run}/answers"
        alice.post(path, yes)
        answer = server.ask("POST", path, yes, token=again.token)
        check(answer.status in (200, 409), answer)
        check(alice.get(f"/api/v1/runs/{run}")["questions"], "another token of alice is not another person")
        bob.post(path, yes)
        until(lambda: os.path.exists(box.path("made")), "the stage is under way")
        box.write("go", "")
        end_run(box, 0)


def commands_reach_the_runner_and_wait_for_one(box):
    run = start_run(box)
    with Server(box) as server:
        alice = Client(server, token_of(box))
        path = f"/api/v1/runs/{run}/commands"
        approved(alice, run)
        check(alice.post(path, {"command": "continue"}, status=409)["state"] == "refused", "it is not paused")
        alice.post(path, {"command": "dance"}, status=400)
        alice.post(path, {"command": "signal"}, status=400)
        alice.post(path, {"command": "signal", "signal": "none"}, status=409)
        alice.post(path, {"command": "resolve", "step": "x", "answer": "done"}, status=400)
        until(lambda: os.path.exists(box.path("made")), "the stage is under way")
        box.runner.send_signal(signal.SIGKILL)
        box.runner.wait()
        shown = alice.get(f"/api/v1/runs/{run}")
        check(shown["runner"] is False, shown)
        done = alice.post(path, {"command": "abort", "reason": "the runner is gone"}, status=202)
        check(done["state"] == "waiting" and done["runner"] is False, done)
        resumed = box.run("rbk", "resume", run, seconds=60)
        check(resumed.status == 10, resumed)
        check(alice.get(f"/api/v1/runs/{run}/requests/{done['request']}")["state"] == "accepted", "after the resume")


def retries_and_signals_are_given(box):
    text = PLAN.format(roles='abort on signal broken "wrong data"').replace(
        "approve dba within 10m else abort", 'require "it is ready" file.exists("ready")')
    run = start_run(box, text)
    with Server(box) as server:
        alice = Client(server, token_of(box))
        path = f"/api/v1/runs/{run}/commands"
        until(lambda: alice.get(f"/api/v1/runs/{run}")["status"] == "held", "it is held")
        alice.post(path, {"command": "retry", "stage": "none"}, status=409)
        box.write("ready", "")
        alice.post(path, {"command": "retry", "stage": "first"})
        until(lambda: os.path.exists(box.path("made")), "the stage is under way")
        alice.post(path, {"command": "resolve", "step": "first", "answer": "done", "reason": "seen"}, status=409)
        alice.post(path, {"command": "signal", "signal": "broken", "reason": "rows are missing"})
        end_run(box, 10)
        told = [event for event in alice.get(f"/api/v1/runs/{run}/events")["events"] if event["kind"] == "command"]
        check([event["command"] for event in told] == ["retry", "signal"] and told[1]["who"] == "alice", told)


def a_paused_run_is_asked_about_with_what_it_takes(box):
    roles = ROLES + "\n    held at most 500ms else ask dba within 60s else abort"
    text = PLAN.format(roles=roles).replace("approve dba within 10m else abort", "")
    run = start_run(box, text)
    with Server(box) as server:
        alice = Client(server, token_of(box))
        until(lambda: os.path.exists(box.path("made")), "the stage is under way")
        alice.post(f"/api/v1/runs/{run}/commands", {"command": "pause"})
        question = asked(alice, run)
        check(question["kind"] == "held" and question["answers"] == ["continue", "abort", "ignore"], question)
        alice.post(f"/api/v1/runs/{run}/answers", {"question": question["id"], "answer": "abort", "reason": "enough"})
        end_run(box, 10)


def a_step_in_doubt_is_resolved(box):
    text = PLAN.format(roles="").replace("approve dba within 10m else abort", "").replace(
        'run "touch made" timeout 5s idempotent\n            wait until file.exists("go") every 50ms timeout 60s',
        'shell "touch made; while [ ! -e go ]; do sleep 0.05; done" timeout 60s')
    run = start_run(box, text)
    with Server(box) as server:
        alice = Client(server, token_of(box))
        until(lambda: os.path.exists(box.path("made")), "the command runs")
        box.runner.kill()
        box.runner.wait()
        pid = re.search(rb"^pid (\d+)", box.read(f"state/runs/{run}/supervisor.id"), re.M)[1]
        os.kill(int(pid), signal.SIGKILL)  # what knew how the command ends is gone, too
        box.write("go", "")
        box.runner = box.start("rbk", "resume", "--plain", run, stdout=subprocess.DEVNULL,
                               stderr=open(box.path("run.err"), "wb"))
        question = asked(alice, run)
        check(question["kind"] == "doubt" and question["answers"] == ["done", "not-done"], question)
        path = f"/api/v1/runs/{run}/commands"
        step = {"command": "resolve", "step": f"{question['question']}@{question['id']}", "answer": "done"}
        alice.post(path, step, status=400)
        # Nor without a word on how it is known where it is answered instead.
        answer = {"question": question["id"], "answer": "done"}
        for reason in ({}, {"reason": ""}, {"reason": " \n"}):
            alice.post(f"/api/v1/runs/{run}/answers", {**answer, **reason}, status=400)
        alice.post(path, {**step, "reason": "the file is there"})
        end_run(box, 0)


def a_stream_goes_on_where_it_was(box):
    run = start_run(box)
    with Server(box) as server:
        token = token_of(box)
        alice = Client(server, token)
        path = f"/api/v1/runs/{run}/stream"
        asked(alice, run)
        stream = Stream(server, path + "?from=1", token)
        check(stream.status == 200 and stream.headers["content-type"] == "text/event-stream", stream.headers)
        last = alice.get(f"/api/v1/runs/{run}")["events"]
        got = stream.until(lambda events: [e for e in events if e[1] == "record"][last - 1:last], "all records")
        check([e[0] for e in stream.events() if e[1] == "record"] == list(range(1, last + 1)), stream.text)
        stream.until(lambda events: [e for e in events if e[1] == "readings"], "readings")
        stream.close()
        approved(alice, run)
        box.write("go", "")
        end_run(box, 0)
        again = Stream(server, path, token, {"Last-Event-ID": str(last)})
        again.until(lambda events: events and events[-1][1] == "end", "the end")
        seqs = [e[0] for e in again.events() if e[1] == "record"]
        final = alice.get(f"/api/v1/runs/{run}")["events"]
        check(seqs == list(range(last + 1, final + 1)), seqs)
        check(not again.more() and again.ended, "the stream ends with the run")
        again.close()
        over = Stream(server, path, token, {"Last-Event-ID": str(final)})
        check(over.status == 204, over.status)
        over.close()
        check(got, "records came")


def a_stream_sees_what_happens_at_once(box):
    run = start_run(box)
    with Server(box) as server:
        token = token_of(box)
        alice = Client(server, token)
        asked(alice, run)
        stream = Stream(server, f"/api/v1/runs/{run}/stream", token)
        approved(alice, run)
        stream.until(lambda events: [e for e in events if e[1] == "record" and e[2]["kind"] == "answer"], "the answer")
        alice.post(f"/api/v1/runs/{run}/commands", {"command": "abort", "reason": "enough"})
        stream.until(lambda events: events[-1:] and events[-1][1] == "end", "the end")
        stream.close()
        end_run(box, 10)


def webhook(status="firing", name="TooManyErrors", service="shop", **more):
    labels = {"alertname": name, "service": service, "severity": "page", **more}
    return {"version": "4", "groupKey": "{}:{}", "truncatedAlerts": 0, "status": status, "receiver": "rbk",
            "groupLabels": {"alertname": name}, "commonLabels": labels, "commonAnnotations": {},
            "externalURL": "http://alertmanager:9093",
            "alerts": [{"status": status, "labels": labels, "annotations": {"summary": "too many"},
                        "startsAt": "2026-11-21T14:00:00Z", "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "",
                        "fingerprint": "1a30ba71cca2921f"}]}


def an_alert_turns_the_run_round_and_is_stored_once(box):
    run = start_run(box)
    with Server(box) as server:
        alice = Client(server, token_of(box))
        sender = Client(server, token_of(box, "--alerts-only", person="alertmanager"))
        approved(alice, run)
        until(lambda: os.path.exists(box.path("made")), "the stage is under way")
        check(sender.post("/api/v1/alerts", webhook(name="Other"))["stored"] == 0, "nobody waits for it")
        check(sender.post("/api/v1/alerts", webhook("resolved"))["stored"] == 0, "it does not fire")
        check(sender.post("/api/v1/alerts", webhook(service="mail"))["stored"] == 1, "a probe has that name")
        check(sender.post("/api/v1/alerts", webhook(service="mail"))["stored"] == 0, "it is known")
        check(alice.get(f"/api/v1/runs/{run}")["status"] == "running", "another service's alert")
        for path in ("/api/v1/runs", f"/api/v1/runs/{run}"):
            sender.get(path, status=403)
        check(sender.post("/api/v1/alerts", webhook())["stored"] == 1, "it fires")
        end_run(box, 10)
        check(sender.post("/api/v1/alerts", webhook())["stored"] == 0, "no run waits any more")
        whos = box.query("SELECT DISTINCT who FROM inbox WHERE kind = 'alert'")
        check(whos == [("alertmanager",)], whos)


def a_real_alertmanager_turns_the_run_round(box):
    program = shutil.which("prometheus-alertmanager")
    if program is None:
        print("        not run: prometheus-alertmanager is not installed")
        return
    run = start_run(box)
    with Server(box) as server:
        alice = Client(server, token_of(box))
        box.write("alerts.token", token_of(box, "--alerts-only", person="alertmanager"))
        box.write("alertmanager.yml", f"""
route: {{ receiver: rbk, group_wait: 0s, group_interval: 1s, repeat_interval: 1m }}
receivers:
  - name: rbk
    webhook_configs:
      - url: http://127.0.0.1:{server.port}/api/v1/alerts
        http_config: {{ authorization: {{ credentials_file: {box.path("alerts.token")} }} }}
""")
        approved(alice, run)
        until(lambda: os.path.exists(box.path("made")), "the stage is under way")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        manager = subprocess.Popen([program, "--config.file=" + box.path("alertmanager.yml"),
                                    "--storage.path=" + box.path("am"), f"--web.listen-address=127.0.0.1:{port}",
                                    "--cluster.listen-address="], stdout=subprocess.DEVNULL,
                                   stderr=open(box.path("am.err"), "wb"))
        try:
            def raised():
                try:
                    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                    connection.request("POST", "/api/v2/alerts", json.dumps(
                        [{"labels": {"alertname": "TooManyErrors", "service": "shop", "instance": "shop-1"}}]),
                        {"Content-Type": "application/json"})
                    return connection.getresponse().status == 200
                except OSError:
                    return False
            until(raised, "Alertmanager takes alerts")
            end_run(box, 10)
        finally:
            manager.terminate()
            manager.wait()
    check(b"unexpected status code" not in box.read("am.err"), box.read("am.err"))


def a_webhook_that_is_none_is_refused(box):
    start_run(box)
    with Server(box) as server:
        sender = Client(server, token_of(box, "--alerts-only", person="alertmanager"))
        good = webhook()
        for body in (b"", b"{", b"[]", b"null", b'{"version":"4"}', {**good, "version": "3"}, {**good, "alerts": {}},
                     {**good, "alerts": [{}]}, {**good, "alerts": [{"status": "firing", "labels": {}}]},
                     {**good, "alerts": [{"status": "perhaps", "labels": {"alertname": "a"}}]},
                     {**good, "alerts": [{"status": "firing", "labels": {"alertname": 7}}]},
                     b'{"version":"4","version":"4","alerts":[]}', b'{"a":' * 100 + b"1" + b"}" * 100):
            sender.post("/api/v1/alerts", body, status=400)
        check(sender.post("/api/v1/alerts", {**good, "alerts": []})["stored"] == 0, "no alerts")
        check(server.ask("POST", "/api/v1/alerts", good).status == 401, "without a token")
        check(server.ask("POST", "/api/v1/alerts", b"a=b", token=sender.token,
                         headers={"Content-Type": "application/x-www-form-urlencoded"}).status == 415, "a form")
        check(box.query("SELECT count(*) FROM inbox") == [(0,)], "something was stored")
    box.runner.kill()
    box.runner.wait()


def an_alert_that_cannot_be_stored_is_not_acknowledged(box):
    run = start_run(box)
    with Server(box) as server:
        sender = Client(server, token_of(box, "--alerts-only", person="alertmanager"))
        sender.post("/api/v1/alerts", {**webhook(), "alerts": []})
        body = box.query("SELECT body FROM events WHERE seq = 1")[0][0]
        box.query("UPDATE events SET body = '{}' WHERE seq = 1")
        with Server(box) as fresh:
            sender = Client(fresh, sender.token)
            answer = fresh.ask("POST", "/api/v1/alerts", webhook(), token=sender.token)
            check(answer.status == 503 and run in answer.json()["detail"] or answer.status == 503, answer)
            box.query("UPDATE events SET body = ? WHERE seq = 1", body)
            check(sender.post("/api/v1/alerts", webhook())["stored"] == 1, "it comes again")
    box.runner.kill()
    box.runner.wait()


def metrics_are_what_prometheus_reads(box):
    run = start_run(box)
    with Server(box) as server:
        alice = Client(server, token_of(box))
        asked(alice, run)
        until(lambda: 'probe="rows"' in server.ask("GET", "/metrics").body.decode(), "a reading")
        text = server.ask("GET", "/metrics").body.decode()
        for line in (f'rbk_run_stage_state{{run="{run}",stage="first",state="for approval"}} 1',
                     f'rbk_run_questions_open{{run="{run}"}} 1', f'rbk_run_runner_alive{{run="{run}"}} 1',
                     f'rbk_run_probe_value{{run="{run}",probe="rows"}} 7',
                     f'rbk_run_trigger_armed{{run="{run}",trigger="many"}}', "rbk_serve_requests_total{"):
            check(line in text, f"{line}\n{text}")
        if shutil.which("promtool"):
            done = subprocess.run(["promtool", "check", "metrics"], input=text.encode(), capture_output=True)
            check(done.returncode == 0, done.stdout + done.stderr)
        alice.post(f"/api/v1/runs/{run}/commands", {"command": "abort"})
        end_run(box, 10)
        check('rbk_runs{status="aborted"} 1' in server.ask("GET", "/metrics").body.decode(), "counted")


def readings_show_in_another_terminal_while_the_runner_lives(box):
    run = start_run(box)
    with Server(box) as server:
        alice = Client(server, token_of(box))
        asked(alice, run)

        def probes():
            readings = alice.get(f"/api/v1/runs/{run}").get("readings")
            return readings and {p["probe"]: p.get("value") for p in readings["probes"]}
        until(lambda: (probes() or {}).get("rows") == "7", "the reading is there")
        text = box.run("rbk", "status", run).out.decode()
        check("rows" in text and "7" in text.split("rows", 1)[1], text)
        box.runner.kill()
        box.runner.wait()
        check("readings" not in alice.get(f"/api/v1/runs/{run}"), "a dead runner sees nothing")
        check("live" not in box.run("rbk", "status", run).out.decode().split("readings")[0], "no readings")


def it_is_not_reached_from_elsewhere_without_tokens_and_tls(box):
    cert, key = tls_files(box)
    for words, says in ((["--listen", "0.0.0.0:0"], "--tls-cert"),
                        (["--listen", "0.0.0.0:0", "--tls-cert", cert, "--tls-key", key], "token"),
                        (["--listen", "0.0.0.0:0", "--behind-proxy"], "token"),
                        (["--listen", "[::]:0"], "--tls-cert"),
                        (["--tls-cert", cert], "together"), (["--listen", "nowhere"], "address"),
                        (["--listen", "example.org:80"], "address"), (["--listen", "127.0.0.1:99999"], "address")):
        box.refused("rbk", "serve", *words, says=says)
    token = token_of(box)
    box.refused("rbk", "serve", "--listen", "0.0.0.0:0", says="--tls-cert")
    box.refused("rbk", "serve", "--listen", "127.0.0.1:0", "--tls-cert", box.write("bad.pem", "none"), "--tls-key", key,
                says="certificate")
    with Server(box, "--tls-cert", cert, "--tls-key", key, listen="0.0.0.0:0") as server:
        server.host = "localhost"
        server.context = context_of(cert)
        check(Client(server, token).get("/api/v1/runs") == {"runs": []}, "over TLS")
        check(server.ask("GET", "/metrics").status == 401, "metrics are for those with a token")
        check(server.ask("GET", "/healthz").status == 200, "health is for all")
        check(not server.raw(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 5).startswith(b"HTTP/1.1 200"),
              "in the clear")
    with Server(box, "--behind-proxy", listen="0.0.0.0:0") as server:
        server.host = "127.0.0.1"
        check(Client(server, token).get("/api/v1/runs") == {"runs": []}, "behind a proxy")
    with Server(box, "--behind-proxy") as server:
        check(server.ask("GET", "/metrics").status == 401, "everybody is local behind a proxy")
    with Server(box) as first:
        box.refused("rbk", "serve", "--listen", f"127.0.0.1:{first.port}", says="in use|cannot listen")


def a_certificate_that_is_of_no_use_is_told_before_anybody_comes(box):
    cert, key = tls_files(box)
    certificate, own = box.read("cert.pem"), box.read("key.pem")
    openssl(box, "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-out", "other.pem")
    openssl(box, "ec", "-in", "key.pem", "-aes128", "-passout", "pass:secret", "-out", "locked.pem")
    for words, says in (((cert, box.path("other.pem")), "is not that of the certificate"),
                        ((cert, box.path("locked.pem")), "passphrase"), ((key, key), "no certificate in PEM"),
                        ((cert, cert), "no key in PEM"), ((box.path("none.pem"), key), "none.pem"),
                        ((cert, box.write("empty.pem", "")), "no certificate or key")):
        box.refused("rbk", "serve", "--listen", "127.0.0.1:0", "--tls-cert", words[0], "--tls-key", words[1], says=says)
    with Server(box, "--tls-cert", cert, "--tls-key", key) as server:
        server.host, server.context = "localhost", context_of(cert)
        found = re.search(rb"^rbk_serve_certificate_end_time_seconds (\d+)$", server.ask("GET", "/metrics").body, re.M)
        ends = ssl.cert_time_to_seconds(ssl._ssl._test_decode_cert(cert)["notAfter"])
        check(found and int(found[1]) == ends, found)
    check(b"cert.pem ends at" in box.read("serve.err"), "two days are few")
    check(box.read("cert.pem") == certificate and box.read("key.pem") == own, "they are only read")
    box.write("ca.conf", "[ca]\ndefault_ca = x\n[x]\ndatabase = index.txt\nserial = serial\nnew_certs_dir = .\n"
              "default_md = sha256\npolicy = p\n[p]\ncommonName = supplied\n")
    box.write("index.txt", "")
    box.write("serial", "01\n")
    openssl(box, "req", "-new", "-key", "key.pem", "-subj", "/CN=localhost", "-out", "request.pem")
    openssl(box, "ca", "-config", "ca.conf", "-selfsign", "-batch", "-notext", "-keyfile", "key.pem", "-in",
            "request.pem", "-startdate", "20200101000000Z", "-enddate", "20200102000000Z", "-out", "old.pem")
    with Server(box, "--tls-cert", box.path("old.pem"), "--tls-key", key):
        pass
    check(b"old.pem has ended at 2020-01-02" in box.read("serve.err"), box.read("serve.err"))


def openssl(box, *words):
    done = subprocess.run(["openssl", *words], cwd=box.path("."), capture_output=True)
    check(done.returncode == 0, done)


def a_stream_over_tls_sees_all_records(box):
    cert, key = tls_files(box)
    run = start_run(box)
    token = token_of(box)
    with Server(box, "--tls-cert", cert, "--tls-key", key) as server:
        server.host = "localhost"
        server.context = context_of(cert)
        alice = Client(server, token)
        asked(alice, run)
        stream = Stream(server, f"/api/v1/runs/{run}/stream?from=1", token)
        alice.post(f"/api/v1/runs/{run}/commands", {"command": "abort"})
        stream.until(lambda events: events[-1:] and events[-1][1] == "end", "the end")
        stream.close()
        end_run(box, 10)


def tokens_are_shown_once_and_end(box):
    done = box.run("rbk", "token", "create", "--person", "carol", "--role", "dba", "--expires", "1s")
    token = done.out.decode().strip()
    check(token.encode() not in done.err, done)
    box.refused("rbk", "token", "create", says="--person")
    box.refused("rbk", "token", "create", "--person", "a\x1b[31m", says="no name")
    box.refused("rbk", "token", "create", "--person", "a", "--role", "a b", says="no name of a role")
    box.refused("rbk", "token", "create", "--person", "a", "--expires", "soon", says="8h")
    box.refused("rbk", "token", "create", "--person", "a", "--read-only", "--alerts-only", says="exclude")
    box.refused("rbk", "token", "revoke", says="which")
    box.refused("rbk", "token", "revoke", "aaaaaaaaaa", says="no token")
    box.refused("rbk", "token", "dance", says="create, list")
    listed = box.run("rbk", "token", "list").out
    check(b"[" not in listed and listed.endswith(b" dba\n"), listed)
    rows = [json.loads(line) for line in box.run("rbk", "token", "list", "--json").out.splitlines()]
    check(rows[0]["person"] == "carol" and rows[0]["roles"] == ["dba"] and "expires" in rows[0], rows)
    for table in box.query("SELECT * FROM tokens"):
        check(token not in table and token.split("_")[2] not in str(table), "the store knows the secret")
    with Server(box) as server:
        until(lambda: server.ask("GET", "/api/v1/me", token=token).status == 401, "it has expired")
        good = token_of(box)
        check(Client(server, good).get("/api/v1/me")["person"] == "alice", "another one is good")
        check(box.run("rbk", "token", "revoke", good.split("_")[1]).status == 0, "revoked")
        check(server.ask("GET", "/api/v1/me", token=good).status == 401, "it was revoked")
        box.refused("rbk", "token", "revoke", good.split("_")[1], says="before")
        rows = [json.loads(line) for line in box.run("rbk", "token", "list", "--json").out.splitlines()]
        check(rows[1]["status"] == "revoked" and "used" in rows[1] and rows[1]["created_by"], rows)
    check(good.encode() not in box.read("serve.err"), "a token in the log")


def a_stream_ends_when_its_token_does(box):
    run = start_run(box)
    token = token_of(box)
    with Server(box, env={"RBK_TEST_HEARTBEAT_MS": "200"}) as server:
        asked(Client(server, token), run)
        stream = Stream(server, f"/api/v1/runs/{run}/stream", token)
        while b": still here" not in stream.text:
            check(stream.more(), "it goes on")
        check(box.run("rbk", "token", "revoke", token.split("_")[1]).status == 0, "revoked")
        stream.until_end()
        stream.close()
    box.runner.kill()
    box.runner.wait()


def a_stream_that_is_never_silent_ends_when_its_token_does(box):
    run = start_run(box, PLAN.replace("SELECT 7", "SELECT abs(random()) % 90").format(roles=ROLES))
    token = token_of(box)
    with Server(box, env={"RBK_TEST_HEARTBEAT_MS": "2500"}) as server:
        asked(Client(server, token), run)
        stream = Stream(server, f"/api/v1/runs/{run}/stream", token)
        stream.until(lambda events: [event for event in events if event[1] == "readings"], "readings")
        check(box.run("rbk", "token", "revoke", token.split("_")[1]).status == 0, "revoked")
        stream.until_end()
        stream.close()
    box.runner.kill()
    box.runner.wait()


def it_ends_cleanly_with_streams_open(box):
    run = start_run(box)
    token = token_of(box)
    for number in (signal.SIGTERM, signal.SIGINT):
        server = Server(box)
        asked(Client(server, token), run)
        streams = [Stream(server, f"/api/v1/runs/{run}/stream", token) for _ in range(3)]
        server.end(number)
        for stream in streams:
            stream.until_end()
            stream.close()
    box.runner.kill()
    box.runner.wait()


def who_waits_for_a_runner_is_answered_when_the_server_ends(box):
    run = start_run(box)
    server = Server(box)
    alice = Client(server, token_of(box))
    asked(alice, run)
    box.runner.send_signal(signal.SIGSTOP)
    answers = []
    asking = threading.Thread(target=lambda: answers.append(
        alice.post(f"/api/v1/runs/{run}/commands", {"command": "abort"}, status=202)))
    asking.start()
    until(lambda: box.query("SELECT count(*) FROM inbox")[0][0] == 1, "the row is there")
    stopped = {"state": "stopped", "pid": box.runner.pid, "host": socket.gethostname()}
    check(alice.get(f"/api/v1/runs/{run}")["runner_process"] == stopped, "one run")
    check(alice.get("/api/v1/runs")["runs"][0]["runner_process"] == stopped, "all runs")
    check(f'rbk_run_runner_stopped{{run="{run}"}} 1' in server.ask("GET", "/metrics").body.decode(), "the metric")
    server.end()
    asking.join(15)
    check(answers and answers[0]["state"] == "waiting" and answers[0]["runner_process"] == stopped, answers)
    box.runner.send_signal(signal.SIGCONT)
    end_run(box, 10)


def it_listens_at_an_ipv6_address(box):
    if not socket.has_ipv6 or not os.path.exists("/proc/net/if_inet6"):
        print("        not run: there is no IPv6 here")
        return
    token = token_of(box)
    with Server(box, listen="[::1]:0") as server:
        server.host = server.host.strip("[]")
        check(Client(server, token).get("/api/v1/runs") == {"runs": []}, "over IPv6")


def the_description_is_the_one_of_the_sources(box):
    with open(os.path.join(os.environ.get("RBK_SOURCE", "."), "docs", "openapi.json"), "rb") as file:
        check(box.run("rbk", "serve", "--openapi").out == file.read(), "rbk serve --openapi")
    token = token_of(box)
    with Server(box) as server:
        check(Client(server, token).get("/api/v1/openapi.json")["openapi"] == "3.1.0", "served")


TESTS = (what_is_shown_is_what_status_and_the_journal_say, runs_come_by_pages_and_by_what_they_are,
         an_answer_is_given_as_the_person_of_the_token, two_people_agree_with_a_token_each,
         commands_reach_the_runner_and_wait_for_one, retries_and_signals_are_given,
         a_paused_run_is_asked_about_with_what_it_takes, a_step_in_doubt_is_resolved,
         a_stream_goes_on_where_it_was, a_stream_sees_what_happens_at_once,
         an_alert_turns_the_run_round_and_is_stored_once, a_real_alertmanager_turns_the_run_round,
         a_webhook_that_is_none_is_refused,
         an_alert_that_cannot_be_stored_is_not_acknowledged, metrics_are_what_prometheus_reads,
         readings_show_in_another_terminal_while_the_runner_lives,
         it_is_not_reached_from_elsewhere_without_tokens_and_tls,
         a_certificate_that_is_of_no_use_is_told_before_anybody_comes, a_stream_over_tls_sees_all_records,
         tokens_are_shown_once_and_end, a_stream_ends_when_its_token_does,
         a_stream_that_is_never_silent_ends_when_its_token_does, it_ends_cleanly_with_streams_open,
         who_waits_for_a_runner_is_answered_when_the_server_ends, it_listens_at_an_ipv6_address,
         the_description_is_the_one_of_the_sources)

if __name__ == "__main__":
    main(TESTS)
