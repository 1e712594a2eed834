"""rbk serve has one loop, and nothing may hold it up: a store that somebody has locked, a journal of tens of thousands
of events, more runs than it keeps, readers that take nothing. Others are answered meanwhile, which is told by the order
of answers, not by times; and what is asked is done, or refused with when to come again.

    serve_turns_test.py [--keep] [TEST …]
"""

import fcntl
import hashlib
import json
import os
import resource
import socket
import sqlite3
import struct
import threading

from box import check, main
from serve_hostile_test import ignore_file_size
from serve_test import PLAN, ROLES, approved, asked, end_run, start_run
from serve_world import Client, Server, Stream, token_of, until

FIRING = {"version": "4", "alerts": [{"status": "firing", "labels": {"alertname": "TooManyErrors", "service": "shop"}}]}
F_OFD_SETLK = 37


# ---- locks ------------------------------------------------------------------------------------------

class Lock:
    """Somebody who holds the store: another rbk in the middle of a commit, or a person with SQLite."""

    def __init__(self, box, kind):
        self.kind = kind
        if kind == "rbk":
            self.file = os.open(box.store + "-lock", os.O_RDWR)
            fcntl.fcntl(self.file, F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
        else:
            self.database = sqlite3.connect(box.store, isolation_level=None)
            self.database.execute("BEGIN IMMEDIATE")

    def release(self):
        if self.kind == "rbk":
            os.close(self.file)
        else:
            self.database.rollback()
            self.database.close()


class Asking(threading.Thread):
    """One request that may take its time; `answer` is there when it has ended."""

    def __init__(self, server, *words, **more):
        super().__init__(daemon=True)
        self.answer = None
        self.server, self.words, self.more = server, words, more
        self.start()

    def run(self):
        self.answer = self.server.ask(*self.words, **self.more)

    def get(self):
        self.join(30)
        check(self.answer is not None, "it was not answered")
        return self.answer


def who_holds_the_store_holds_up_only_who_writes(box):
    """A token is good though nobody can write down that it was used; reading goes on; an answer waits for the lock,
    and is given once."""
    run = start_run(box)
    with Server(box) as server:
        for kind in ("rbk", "sqlite"):
            alice, fresh = token_of(box), token_of(box)
            question = asked(Client(server, alice), run)
            lock = Lock(box, kind)
            path = f"/api/v1/runs/{run}"
            body = {"command": "continue"} if kind == "rbk" else {"question": question["id"], "answer": "yes"}
            asking = Asking(server, "POST", path + ("/commands" if kind == "rbk" else "/answers"), body, token=alice)
            alert = Asking(server, "POST", "/api/v1/alerts", {**FIRING, "alerts": FIRING["alerts"] * (kind == "none")},
                           token=alice)
            check(alert.get().status == 200, "a call that says nothing needs no lock")
            for _ in range(3):
                check(server.ask("GET", "/healthz").status == 200, "health")
                check(Client(server, fresh).get("/api/v1/me")["person"] == "alice", "a token used for the first time")
                check(server.ask("GET", path, token=fresh).status == 200, "a run")
                check(server.ask("GET", "/metrics").status == 200, "metrics")
            check(asking.answer is None, f"answered while {kind} holds the store: {asking.answer}")
            lock.release()
            check(asking.get().status == (409 if kind == "rbk" else 200), asking.answer)
            used = until(lambda: box.query("SELECT used_ms FROM tokens WHERE id = ?", fresh.split("_")[1])[0][0],
                         "the use is written down")
            check(used > 0, used)
        check(box.query("SELECT count(*) FROM inbox WHERE kind = 'answer'") == [(1,)], "it was given once")
        box.write("go", "")
        end_run(box, 0)


def a_store_that_stays_locked_is_told_with_when_to_come_again(box):
    run = start_run(box)
    token = token_of(box)
    with Server(box, env={"RBK_TEST_WAIT_MS": "200"}) as server:
        client = Client(server, token)
        question = asked(client, run)
        for kind in ("rbk", "sqlite"):
            lock = Lock(box, kind)
            for path, body in ((f"/api/v1/runs/{run}/answers", {"question": question["id"], "answer": "yes"}),
                               (f"/api/v1/runs/{run}/commands", {"command": "pause"}), ("/api/v1/alerts", FIRING)):
                answer = server.ask("POST", path, body, token=token)
                check(answer.status == 503 and answer.headers["Retry-After"] == "5", answer)
                check("locked" in answer.json()["detail"], answer)
            lock.release()
        check(box.query("SELECT count(*) FROM inbox") == [(0,)], "half of it was stored")
        check(server.ask("GET", "/healthz").status == 200, "nothing has failed")
        check(client.post("/api/v1/alerts", FIRING)["stored"] == 1, "it comes again")
        box.runner.kill()
        box.runner.wait()


def who_waits_for_the_lock_is_answered_when_the_server_ends(box):
    run = start_run(box)
    token = token_of(box)
    server = Server(box)
    asked(Client(server, token), run)
    lock = Lock(box, "rbk")
    asking = Asking(server, "POST", f"/api/v1/runs/{run}/commands", {"command": "abort"}, token=token)
    until(lambda: b"rbk_serve_requests_waiting 1\n" in server.ask("GET", "/metrics").body, "it waits")
    server.end()
    check(asking.get().status == 503, asking.answer)
    lock.release()
    box.runner.kill()
    box.runner.wait()


# ---- long journals ----------------------------------------------------------------------------------

def lengthen(box, run, count):
    """Continue a journal by alerts that nobody waits for, as a runner would have written them."""
    number, = box.query("SELECT number FROM runs WHERE id = ?", run)[0]
    seq, at_ms, digest = box.query("SELECT seq, at_ms, hash FROM events WHERE run = ? ORDER BY seq DESC LIMIT 1", run)[0]
    database = sqlite3.connect(box.store)

    def rows():
        nonlocal digest
        for i in range(seq + 1, seq + 1 + count):
            body = json.dumps({"alert": "Other", "firing": i % 2 == 0, "labels": {}}, separators=(",", ":"), sort_keys=True)
            digest = hashlib.sha256(f"{digest}\n{i} {at_ms} note\n{body}".encode()).hexdigest()
            yield (number << 32) + i, run, i, at_ms, "note", body, digest
    database.executemany("INSERT INTO events (id, run, seq, at_ms, kind, body, hash) VALUES (?,?,?,?,?,?,?)", rows())
    database.commit()
    database.close()
    return seq + count


def killed_run(box):
    run = start_run(box)
    token = token_of(box)
    with Server(box) as server:
        asked(Client(server, token), run)
    box.runner.kill()
    box.runner.wait()
    return run, token


def a_long_journal_holds_nobody_up(box):
    """50,000 events, read by a stream from the first on, by a page and by metrics: who asks for something else
    meanwhile is answered first."""
    long, token = killed_run(box)
    last = lengthen(box, long, 50_000)
    start_run(box)
    short, = until(lambda: box.query("SELECT id FROM runs WHERE id <> ?", long), "the other run")[0]
    with Server(box) as server:
        asked(Client(server, token), short)
    with Server(box, env={"RBK_TEST_TURN_EVENTS": "2"}) as server:
        client = Client(server, token)
        links = []
        for path in (f"/api/v1/runs/{long}/stream?from=1", f"/api/v1/runs/{long}/events?from={last - 5}&limit=3"):
            link = server.connect()
            link.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
            links.append(link)
        check(server.ask("GET", "/healthz").status == 200, "health")
        stream = Stream(server, f"/api/v1/runs/{short}/stream?from=1", token)
        approved(client, short)
        stream.until(lambda events: [e for e in events if e[1] == "record" and e[2]["kind"] == "answer"], "the answer")
        for link in links:
            link.setblocking(False)
            try:
                check(False, f"the long journal was read before others were answered: {link.recv(200)!r}")
            except BlockingIOError:
                link.setblocking(True)
        stream.close()
        page = read_answer(links[1])
        check([event["seq"] for event in page["events"]] == [last - 5, last - 4, last - 3] and page["last"] == last, page)
        seqs = []
        for block in chunks(links[0]):
            fields = dict(line.split(b": ", 1) for line in block.split(b"\n") if b": " in line)
            if fields.get(b"event") == b"record":
                seqs.append(int(fields[b"id"]))
                check(json.loads(fields[b"data"])["seq"] == seqs[-1], block)
            if len(seqs) == last:
                break
        check(seqs == list(range(1, last + 1)), f"{len(seqs)} records, {seqs[:3]} … {seqs[-3:]}")
        first = client.get(f"/api/v1/runs/{long}/events?from=1&limit=4")["events"]
        check([event["seq"] for event in first] == [1, 2, 3, 4] and first[0]["kind"] == "start", first)
        box.write("go", "")
        end_run(box, 0)


def read_answer(link):
    """The JSON of one answer with a length."""
    file = link.makefile("rb")
    check(b" 200 " in file.readline(), "200")
    while (line := file.readline().strip()):
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    return json.loads(file.read(length))


def chunks(link):
    """The events of a stream, as they come."""
    file, text = link.makefile("rb"), b""
    while file.readline().strip():
        pass
    while size := int(file.readline().strip() or b"0", 16):
        text += file.read(size)
        file.readline()
        *blocks, text = text.split(b"\n\n")
        yield from blocks


def a_long_journal_that_is_damaged_is_told_to_all_who_wait(box):
    run, token = killed_run(box)
    last = lengthen(box, run, 3000)
    box.query("UPDATE events SET hash = ? WHERE seq = ?", "0" * 64, last - 10)
    with Server(box, env={"RBK_TEST_TURN_EVENTS": "64"}) as server:
        asking = [Asking(server, "GET", f"/api/v1/runs/{run}", token=token) for _ in range(5)]
        for each in asking:
            check(each.get().status == 500 and "damaged" in each.answer.json()["detail"], each.answer)
        check(server.ask("GET", "/metrics").status == 200, "metrics go on")


def a_token_that_ends_while_its_request_waits_is_of_no_use(box):
    """It was good when the request came; it is looked at again before anything is done in its name."""
    run, token = killed_run(box)
    lengthen(box, run, 20_000)
    with Server(box, env={"RBK_TEST_TURN_EVENTS": "2"}) as server:
        asking = [Asking(server, "POST", f"/api/v1/runs/{run}/answers", {"question": 2, "answer": "yes"}, token=token),
                  Asking(server, "POST", "/api/v1/alerts", FIRING, token=token)]
        other = token_of(box)
        until(lambda: box.query("SELECT used_ms FROM tokens WHERE id = ?", token.split("_")[1])[0][0], "they have come")
        check(box.run("rbk", "token", "revoke", token.split("_")[1]).status == 0, "revoked")
        for each in asking:
            check(each.get().status == 401 and "while it waited" in each.answer.json()["detail"], each.answer)
        check(box.query("SELECT count(*) FROM inbox") == [(0,)], "something was stored")
        check(Client(server, other).get("/api/v1/me")["person"] == "alice", "another token is good")


def who_waits_for_a_run_is_not_forgotten_when_the_store_is_opened_anew(box):
    """After a write that failed everything is read from the beginning, for those who wait, too."""
    run, token = killed_run(box)
    fresh = [token_of(box) for _ in range(2)]
    lengthen(box, run, 20_000)
    with Server(box, env={"RBK_TEST_TURN_EVENTS": "1"}, preexec=ignore_file_size) as server:
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
        for each in fresh:  # it is opened anew at once after the first time, and a second after the next
            check(server.ask("GET", "/api/v1/me", token=each).status == 200, "its use cannot be written down")
        asking = Asking(server, "GET", f"/api/v1/runs/{run}", token=token)
        check(server.ask("GET", "/healthz").status == 503, "the store has failed")
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        until(lambda: server.ask("GET", "/healthz").status == 200, "it is opened anew")
        check(asking.get().status == 200, asking.answer)


def it_ends_while_a_journal_is_read(box):
    run, token = killed_run(box)
    lengthen(box, run, 10_000)
    server = Server(box, env={"RBK_TEST_TURN_EVENTS": "1"})
    links = []
    for path in ("", "/stream?from=1", "/events"):
        link = server.connect()
        link.sendall(f"GET /api/v1/runs/{run}{path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
        links.append(link)
    for _ in range(3):
        check(server.ask("GET", "/healthz").status == 200, "health")
    server.end()
    for link in links:
        check(link.recv(1000).startswith(b"HTTP/1.1 503"), "who waits is told")


def older_records_without_room_for_them_are_refused_and_the_rest_is_shown(box):
    run, token = killed_run(box)
    last = lengthen(box, run, 5000)
    with Server(box, env={"TMPDIR": "/nonexistent-folder"}) as server:
        status = server.ask("GET", f"/api/v1/runs/{run}/events?from=1", token=token)
        check(status.status == 503 and "temporary files" in status.json()["detail"], status)
        page = Client(server, token).get(f"/api/v1/runs/{run}/events?from={last - 5}")
        check(len(page["events"]) == 6, page)


# ---- many runs --------------------------------------------------------------------------------------

def multiply(box, run, count):
    """As many runs of the same plan, each with the same journal."""
    database = sqlite3.connect(box.store)
    database.row_factory = sqlite3.Row
    columns = [row[1] for row in database.execute("PRAGMA table_info(runs)") if row[1] not in ("number", "id")]
    names = ", ".join(columns)
    row = database.execute("SELECT * FROM runs WHERE id = ?", (run,)).fetchone()
    events = database.execute("SELECT seq, at_ms, kind, body FROM events WHERE run = ? ORDER BY seq", (run,)).fetchall()
    for i in range(count):
        ident = f"20200101-0000-{i:04d}"
        number = database.execute(f"INSERT INTO runs (id, {names}) SELECT ?, {names} FROM runs WHERE id = ?",
                                  (ident, run)).lastrowid
        settings = {key: row[key] for key in ("directory", "host", "machine", "params", "plan", "title", "user",
                                              "unrehearsed", "url")} | {"started": row["started_ms"], "run": ident}
        digest = ""
        for event in events:
            body = event["body"]
            if event["kind"] == "start":
                body = json.dumps(json.loads(body) | {"settings": hashlib.sha256(
                    json.dumps(settings, separators=(",", ":"), sort_keys=True).encode()).hexdigest()},
                    separators=(",", ":"), sort_keys=True)
            digest = hashlib.sha256(f"{digest}\n{event['seq']} {event['at_ms']} {event['kind']}\n{body}".encode()).hexdigest()
            database.execute("INSERT INTO events (id, run, seq, at_ms, kind, body, hash) VALUES (?,?,?,?,?,?,?)",
                             ((number << 32) + event["seq"], ident, event["seq"], event["at_ms"], event["kind"], body, digest))
    database.commit()
    database.close()


def more_runs_than_are_kept_are_all_told(box):
    """Each gets its row, once; others are answered while the journals are read."""
    run, token = killed_run(box)
    multiply(box, run, 300)
    with Server(box, env={"RBK_TEST_TURN_EVENTS": "2"}) as server:
        asking = Asking(server, "POST", "/api/v1/alerts", FIRING, token=token, timeout=60)
        lock = Lock(box, "rbk")
        command = Asking(server, "POST", f"/api/v1/runs/{run}/commands", {"command": "pause"}, token=token)
        for _ in range(5):
            check(server.ask("GET", "/healthz").status == 200, "health")
        lock.release()
        check(command.get().status == 202, command.answer)
        check(asking.answer is None, "others were answered only after it")
        check(asking.get().json() == {"alerts": 1, "stored": 301}, asking.answer)
        rows = box.query("SELECT count(*), count(DISTINCT run) FROM inbox WHERE kind = 'alert'")
        check(rows == [(301, 301)], rows)
        again = server.ask("POST", "/api/v1/alerts", FIRING, token=token, timeout=60)
        check(again.json()["stored"] == 0, again)
        text = server.ask("GET", "/metrics", timeout=60).body.decode()
        check(text.count("rbk_run_info{") == 100 and "rbk_serve_runs_behind 0\n" in text, text[:3000])


def many_alerts_are_told_once_each_way(box):
    """1,000 alerts at once, again, resolved, late and in another order of labels: what a run will know in the end is
    what was said last."""
    run, token = killed_run(box)

    def call(status, numbers, turned=False):
        alerts = []
        for i in numbers:
            labels = {"alertname": "TooManyErrors", "service": "shop", "n": str(i), "text": "a\n\u2028\"b"}
            alerts.append({"status": status, "labels": dict(reversed(labels.items())) if turned else labels})
        return {"version": "4", "alerts": alerts}
    with Server(box) as server:
        def post(*words):
            return server.ask("POST", "/api/v1/alerts", call(*words), token=token)
        check(post("firing", range(400)).json() == {"alerts": 400, "stored": 400}, "first")
        check(post("firing", range(400), True).json()["stored"] == 0, "the same in another order of labels")
        check(post("resolved", range(200)).json()["stored"] == 200, "half of them end")
        check(post("resolved", range(200, 0, -1)).json()["stored"] == 1, "and not again")
        check(post("resolved", range(1000, 2000)).json()["stored"] == 0, "what never fired does not end")
        check(post("firing", list(range(201, 301)) * 10).json()["stored"] == 0, "known")
        check(post("firing", [5] * 1000).json()["stored"] == 1, "once, however often it is said")
        rows = box.query("SELECT body FROM inbox ORDER BY id")
        state = {}
        for body, in rows:
            state[json.loads(body)["labels"]["n"]] = json.loads(body)["firing"]
        wanted = {str(i): i > 200 or i == 5 for i in range(400)}
        check(state == wanted, [n for n in wanted if state.get(n) != wanted[n]])
        check(json.loads(rows[0][0])["labels"]["text"] == "a\n\u2028\"b", rows[0])


def one_alert_that_cannot_be_taken_keeps_no_other_from_it(box):
    """Who can name a label of some alert must not be able to silence the others that come with it."""
    run, token = killed_run(box)
    good = FIRING["alerts"][0]
    bad = ({"labels": {**good["labels"], "nul": "a\0b"}}, {"labels": {"alertname": "Too\0ManyErrors"}},
           {"labels": {**good["labels"], **{f"l{i}": "x" for i in range(70)}}}, {"labels": {"alertname": ""}},
           {"labels": {**good["labels"], "long": "y" * 40000}}, {"labels": {**good["labels"], "x": 1}}, {"labels": []},
           {"status": "perhaps"}, {"status": None})
    with Server(box) as server:
        alerts = [{**good, **each} for each in bad]
        answer = server.ask("POST", "/api/v1/alerts", {**FIRING, "alerts": [*alerts[:4], good, *alerts[4:], None]},
                            token=token)
        check(answer.status == 400 and "10 of 11 alerts cannot be taken" in answer.json()["detail"], answer)
        rows = box.query("SELECT body FROM inbox")
        check(len(rows) == 1 and json.loads(rows[0][0])["labels"] == {"service": "shop"}, rows)
        check(run in rows[0][0], rows)


# ---- memory -----------------------------------------------------------------------------------------

def bodies_and_answers_are_bounded_in_all(box):
    """Whoever comes when too much is on its way is told to come again; small things are answered all the time."""
    run, token = killed_run(box)
    auth = f"Authorization: Bearer {token}"
    with Server(box, env={"RBK_TEST_ANSWERS_BYTES": str(25 << 20)}) as server:
        head = "\r\n".join(["POST /api/v1/alerts HTTP/1.1", "Host: localhost", auth, "Content-Type: application/json",
                            f"Content-Length: {4 << 20}", "", ""]).encode()
        links = []
        for _ in range(16):
            link = server.connect()
            link.sendall(head + b" " * 1000)
            links.append(link)

        def one_more():
            return server.raw(head, 1)
        answer = until(lambda: (lambda got: got if b" 503 " in got[:20] else None)(one_more()), "no room for another")
        check(b"Retry-After: 5" in answer, answer)
        check(server.ask("GET", "/healthz").status == 200, "health")
        for link in links:
            link.close()
        until(lambda: server.ask("POST", "/api/v1/alerts", FIRING, token=token).status == 200, "there is room again")

        box.query("INSERT INTO evidence (run, seq, at_ms, label, sha256, content) VALUES (?, 1, 1, 'big', 'x', ?)", run,
                  "e" * (10 << 20))
        path = f"/api/v1/runs/{run}/evidence/1"
        links = []
        for _ in range(2):
            link = server.connect()
            link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            link.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{auth}\r\n\r\n".encode())
            check(link.recv(12) == b"HTTP/1.1 200", "it begins")
            links.append(link)
        answer = server.ask("GET", path, token=token)
        check(answer.status == 503 and answer.headers["Retry-After"] == "5", answer)
        check(server.ask("GET", f"/api/v1/runs/{run}", token=token).status == 200, "small answers go on")
        for link in links:
            link.close()
        until(lambda: server.ask("GET", path, token=token).status == 200, "there is room again")


TESTS = (who_holds_the_store_holds_up_only_who_writes, a_store_that_stays_locked_is_told_with_when_to_come_again,
         who_waits_for_the_lock_is_answered_when_the_server_ends, a_long_journal_holds_nobody_up,
         a_long_journal_that_is_damaged_is_told_to_all_who_wait, it_ends_while_a_journal_is_read,
         who_waits_for_a_run_is_not_forgotten_when_the_store_is_opened_anew,
         a_token_that_ends_while_its_request_waits_is_of_no_use,
         older_records_without_room_for_them_are_refused_and_the_rest_is_shown, more_runs_than_are_kept_are_all_told,
         many_alerts_are_told_once_each_way, one_alert_that_cannot_be_taken_keeps_no_other_from_it,
         bodies_and_answers_are_bounded_in_all)

if __name__ == "__main__":
    main(TESTS)
