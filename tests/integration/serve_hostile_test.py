"""rbk serve against those who mean it no good: whatever comes over the network, it answers or closes in a bounded
time, keeps answering others meanwhile, and neither ends nor leaks (with sanitizers: not a byte).

    serve_hostile_test.py [--keep] [TEST …]
"""

import fcntl
import os
import random
import resource
import signal
import socket
import time

from box import check, main
from serve_test import PLAN, ROLES, asked, start_run
from serve_world import Client, Server, Stream, token_of, until

SLOW = {"RBK_TEST_SLOW_MS": "1500"}


def alive(server):
    check(server.ask("GET", "/healthz").status == 200, "it answers nobody any more")


def status_of(answer):
    """Of the first answer in what came, or 0 when it was closed without one."""
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


def request(line, *headers, body=b""):
    return "\r\n".join([line, "Host: localhost", *headers, "", ""]).encode("latin-1") + body


def who_is_slow_is_cut_and_others_are_answered(box):
    """One byte at a time keeps no connection for ever, in headers and in bodies."""
    token = token_of(box)
    with Server(box, env=SLOW) as server:
        head = request("GET /healthz HTTP/1.1")
        slow = request("POST /api/v1/alerts HTTP/1.1", f"Authorization: Bearer {token}",
                       "Content-Type: application/json", "Content-Length: 1000")
        links = []
        for first, rest in ((b"", head), (slow, b"{" + b" " * 998 + b"}")) * 5:
            link = server.connect()
            link.setblocking(True)
            link.sendall(first)
            links.append([link, rest])
        began = time.monotonic()
        while links and time.monotonic() - began < 15:
            for each in list(links):
                try:
                    each[0].sendall(each[1][:1])
                    each[1] = each[1][1:] or b" "
                    each[0].settimeout(0.01)
                    if each[0].recv(1000) == b"":
                        raise ConnectionResetError
                except TimeoutError:
                    pass
                except OSError:
                    each[0].close()
                    links.remove(each)
            alive(server)
        check(not links, f"{len(links)} slow connections are still open")


def connections_that_say_nothing_do_not_shut_others_out(box):
    with Server(box, env=SLOW) as server:
        links = [server.connect() for _ in range(300)]
        alive(server)
        for link in links:
            link.settimeout(10)
            check(link.recv(10) == b"", "it was not closed")
            link.close()
        alive(server)


def what_is_too_large_is_refused(box):
    token = token_of(box)
    auth = f"Authorization: Bearer {token}"
    kind = "Content-Type: application/json"
    with Server(box) as server:
        post = "POST /api/v1/alerts HTTP/1.1"
        for data, wanted in (
                (request("GET /healthz HTTP/1.1", "X-Long: " + "a" * 100000), (431, 0)),
                (request("GET /healthz HTTP/1.1", *[f"X-{i}: {i}" for i in range(20000)]), (431, 0)),
                (request("GET /" + "a" * 100000 + " HTTP/1.1"), (414, 431, 0)),
                (request("GET /healthz?" + "&".join(f"a{i}=b" for i in range(20000)) + " HTTP/1.1"), (414, 431, 0)),
                (request(post, auth, kind, f"Content-Length: {1 << 40}"), (413,)),
                (request(post, auth, kind, f"Content-Length: {1 << 70}"), (413, 400, 0)),
                (request(post, auth, kind, "Content-Length: -1"), (400, 0)),
                (request(post, auth, kind, "Content-Length: 5", "Content-Length: 6", body=b"hello"), (400, 0)),
                (request(post, auth, kind, "Content-Length: 5", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
                 (400, 0)),
                (request("GET /api/v1/runs HTTP/1.1", auth, "Content-Length: 4", body=b"body"), (400,)),
                (request(post, auth, kind, f"Content-Length: {5 << 20}", body=b" " * (5 << 20)), (413, 0))):
            got = status_of(server.raw(data, 3))
            check(got in wanted, f"{data[:60]!r}: {got}, expected {wanted}")
            alive(server)
        chunks = b"".join(b"10000\r\n" + b" " * 65536 + b"\r\n" for _ in range(200))
        got = status_of(server.raw(request(post, auth, kind, "Transfer-Encoding: chunked", body=chunks), 3))
        check(got in (413, 0), f"13 MB in chunks: {got}")
        deep = b"[" * 100000
        check(server.ask("POST", "/api/v1/alerts", deep, token=token).status == 400, "deep JSON")
        check(server.ask("POST", "/api/v1/alerts", b'{"a":"\xff\xfe"}', token=token).status == 400, "no UTF-8")
        check(server.ask("POST", "/api/v1/alerts", b'{"a":' + b"9" * 4000 + b"}", token=token).status == 400, "numbers")


def paths_lead_nowhere_else(box):
    token = token_of(box)
    box.write("secret", "secret")
    with Server(box) as server:
        for path in ("/../secret", "/api/v1/runs/../../secret", "/api/v1/runs/..%2f..%2fsecret", "//etc/passwd",
                     "/api/v1/runs/%2e%2e", "/api/v1/runs/%00", "/api/v1/runs/a%00b", "/api/v1/runs/",
                     "/api/v1/runs/" + "a" * 200, "/api/v1/runs/UPPER", "/api/v1/runs/a/evidence/1e9",
                     "/api/v1/runs/a/evidence/99999999999999999999", "/api/v1/runs/a/evidence/-1", "/healthz/",
                     "/api/v1/runs/a'--/events", "/api/v1/runs/%27%20OR%201=1", "*", "http://elsewhere/healthz"):
            data = request(f"GET {path} HTTP/1.1", f"Authorization: Bearer {token}", "Connection: close")
            answer = server.raw(data, 3)
            check(status_of(answer) in (400, 404, 0) and b"secret" not in answer.split(b"\r\n\r\n", 1)[-1],
                  f"{path}: {answer[:300]!r}")
        for method, wanted in (("DELETE", 405), ("PUT", 405), ("OPTIONS", 405), ("TRACE", 405), ("CONNECT", (404, 405, 400, 0)),
                               ("get", (404, 405)), ("X" * 2000, (404, 405, 431, 400, 0))):
            got = status_of(server.raw(request(f"{method} /healthz HTTP/1.1", "Connection: close"), 3))
            check(got in (wanted if isinstance(wanted, tuple) else (wanted,)), f"{method}: {got}")
        for host in ("evil.example", "127.0.0.1.evil.example:80", "localhost:abc", "", "[::1", "a" * 5000):
            got = status_of(server.raw(f"GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode(), 3))
            check(got in (421, 400), f"Host {host[:40]!r}: {got}")
        got = status_of(server.raw(b"GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n", 3))
        check(got in (400, 421), f"no Host: {got}")
        answer = server.ask("GET", "/api/v1/runs", token=token, headers={"Origin": "https://evil.example"})
        check(not any(name.lower().startswith("access-control") for name in answer.headers), "another origin may read it")
    with Server(box, "--host", "war.example", "--host", "room.example") as server:
        for host, wanted in (("war.example", 200), ("ROOM.example:8443", 200), ("other.example", 421)):
            check(server.ask("GET", "/healthz", headers={"Host": host}).status == wanted, host)


def requests_behind_each_other_are_answered_in_order(box):
    token = token_of(box)
    with Server(box) as server:
        one = request("GET /healthz HTTP/1.1")
        me = request("GET /api/v1/me HTTP/1.1", f"Authorization: Bearer {token}")
        answer = server.raw(one * 50 + me + request("GET /nothing HTTP/1.1", "Connection: close"), 10)
        check(answer.count(b"HTTP/1.1 200") == 51 and answer.count(b"HTTP/1.1 404") == 1, answer[-600:])
        smuggle = request("POST /api/v1/alerts HTTP/1.1", f"Authorization: Bearer {token}",
                          "Content-Type: application/json", "Content-Length: 2",
                          body=b"{}" + request("GET /api/v1/me HTTP/1.1", "Connection: close"))
        answer = server.raw(smuggle, 5)
        check(answer.count(b"HTTP/1.1 400") == 1 and answer.count(b"HTTP/1.1 401") == 1, answer)


def guessing_tokens_is_answered_with_429_and_harms_nobody(box):
    token = token_of(box)
    letters = "abcdefghijklmnopqrstuvwxyz234567"
    rng = random.Random(7)
    with Server(box) as server:
        ident = token.split("_")[1]
        seen = []
        for i in range(60):
            secret = "".join(rng.choice(letters) for _ in range(52))
            guess = (f"rbk_{ident}_{secret}", token[:-1] + ("a" if token[-1] != "a" else "b"), "rbk_", "x" * 5000,
                     token.upper(), token + "a", f"rbk_{'a' * 10}_{secret}")[i % 7]
            seen.append(server.ask("GET", "/api/v1/me", token=guess).status)
            if i % 10 == 0:
                check(Client(server, token).get("/api/v1/me")["person"] == "alice", "a good token is refused")
        check(set(seen[:20]) == {401} and set(seen[20:]) == {429}, seen)
        for header in (f"Basic {token}", token, "Bearer", "Bearer ", "\x01"):
            check(server.ask("GET", "/api/v1/me", headers={"Authorization": header}).status == 429, header)
    log = box.read("serve.err").decode()
    check(token not in log and token.split("_")[2] not in log, "a token in the log")


def more_streams_than_there_is_room_for(box):
    run = start_run(box)
    token, others = token_of(box), [token_of(box), token_of(box)]
    with Server(box) as server:
        asked(Client(server, token), run)
        streams = []

        def statuses(token, count):
            more = [Stream(server, f"/api/v1/runs/{run}/stream?from=1", token) for _ in range(count)]
            streams.extend(more)
            return [stream.status for stream in more]
        check(statuses(token, 34) == [200] * 32 + [503] * 2, "who has one token leaves room for others")
        check(statuses(others[0], 33) == [200] * 32 + [503], "and so does the next one")
        check(statuses(others[1], 3) == [503] * 3, "64 of all")
        streams.sort(key=lambda stream: stream.status)
        for stream in streams[:40]:
            stream.link.close()
            stream.file.close()
        alive(server)
        Client(server, token).post(f"/api/v1/runs/{run}/commands", {"command": "abort"})
        check(box.runner.wait(30) == 10, box.read("run.err"))
        for stream in streams[40:64]:
            stream.until(lambda events: events[-1:] and events[-1][1] == "end", "the end")
            stream.close()
        for stream in streams[64:]:
            stream.close()


def streams_of_readers_who_left_make_room(box):
    """Soon, and not with the next heartbeat: of a run that is silent, too."""
    run = start_run(box)
    token = token_of(box)
    with Server(box) as server:
        asked(Client(server, token), run)
        box.runner.kill()
        box.runner.wait()
        for _ in range(2):
            streams = [Stream(server, f"/api/v1/runs/{run}/stream", token) for _ in range(32)]
            check([stream.status for stream in streams] == [200] * 32, "there is room for 32")
            for stream in streams:
                stream.close()
            until(lambda: b"rbk_serve_streams 0\n" in server.ask("GET", "/metrics").body, "they are gone", seconds=12)
        half = Stream(server, f"/api/v1/runs/{run}/stream", token)
        half.link.shutdown(socket.SHUT_WR)
        while b": still here" not in half.text:
            check(half.more(), "who only sends nothing more may still read")
        check(b"rbk_serve_streams 1\n" in server.ask("GET", "/metrics").body, "it goes on")
        half.close()


def a_reader_that_does_not_read_holds_nothing_up(box):
    run = start_run(box)
    token = token_of(box)
    with Server(box) as server:
        client = Client(server, token)
        asked(client, run)
        links = []
        for _ in range(10):
            link = server.connect()
            link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            link.settimeout(0.2)
            try:
                link.sendall(request(f"GET /api/v1/runs/{run}/{'events' if len(links) % 2 else 'machine'} HTTP/1.1",
                                     f"Authorization: Bearer {token}") * 100)
            except TimeoutError:
                pass  # it takes no more before somebody reads
            links.append(link)
        alive(server)
        for link in links:
            link.close()
        client.post(f"/api/v1/runs/{run}/commands", {"command": "abort"})
        check(box.runner.wait(30) == 10, box.read("run.err"))


def a_log_that_nobody_reads_holds_nothing_up(box):
    """The pipe behind stderr is full: lines are dropped, and when it is read again it is told how many."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    server = Server(box, stderr=writing)
    os.close(writing)
    for _ in range(200):
        alive(server)
    got = b""
    while b"lines of this log were lost" not in got:
        got += os.read(reading, 65536)
        alive(server)
    server.end()
    os.close(reading)


def noise_is_answered_or_closed(box):
    rng = random.Random(20261121)
    with Server(box, env={"RBK_TEST_SLOW_MS": "300"}) as server:
        for i in range(150):
            data = bytearray(request("POST /api/v1/alerts HTTP/1.1", "Content-Type: application/json",
                                     "Content-Length: 20", body=b'{"version":"4"}     '))
            for _ in range(rng.randrange(1, 12)):
                at = rng.randrange(len(data))
                kind = rng.randrange(3)
                if kind == 0:
                    data[at] = rng.randrange(256)
                elif kind == 1:
                    del data[at]
                else:
                    data.insert(at, rng.choice(b"\r\n\0: %"))
            with server.connect() as link:
                try:
                    link.sendall(bytes(data))
                    link.shutdown(socket.SHUT_WR)
                    link.settimeout(10)
                    while link.recv(65536):
                        pass
                except OSError:
                    pass
        alive(server)


def many_alerts_and_a_full_inbox_are_bounded(box):
    """A run without a runner takes so many rows and no more; more is answered with a 503."""
    run = start_run(box, PLAN.format(roles=ROLES))
    with Server(box) as server:
        token = token_of(box)
        asked(Client(server, token), run)
        box.runner.kill()
        box.runner.wait()

        def call(first, count):
            return {"version": "4", "alerts": [
                {"status": "firing", "labels": {"alertname": "TooManyErrors", "service": "shop", "n": str(i)}}
                for i in range(first, first + count)]}
        check(server.ask("POST", "/api/v1/alerts", call(0, 900), token=token).json()["stored"] == 900, "900")
        check(server.ask("POST", "/api/v1/alerts", call(0, 900), token=token).json()["stored"] == 0, "the same")
        check(server.ask("POST", "/api/v1/alerts", call(900, 900), token=token).status == 503, "1800")
        count = box.query("SELECT count(*) FROM inbox")[0][0]
        check(count <= 1000, count)
        labels = {"alertname": "TooManyErrors", **{f"l{i}": "x" for i in range(70)}}
        check(server.ask("POST", "/api/v1/alerts", {"version": "4", "alerts": [{"status": "firing", "labels": labels}]},
                         token=token).status == 400, "70 labels")
        labels = {"alertname": "TooManyErrors", "long": "y" * 40000}
        check(server.ask("POST", "/api/v1/alerts", {"version": "4", "alerts": [{"status": "firing", "labels": labels}]},
                         token=token).status == 400, "more than a runner takes in")


def an_inbox_of_large_rows_ends_no_server(box):
    """Rows that others put there may be as large as they like."""
    run = start_run(box, PLAN.format(roles=ROLES))
    token = token_of(box, "--alerts-only", person="alertmanager")
    firing = {"version": "4", "alerts": [{"status": "firing", "labels": {"alertname": "TooManyErrors"}}]}
    other = {"version": "4", "alerts": [{"status": "firing", "labels": {"alertname": "Other"}}]}
    with Server(box) as server:
        asked(Client(server, token_of(box)), run)
        box.runner.kill()
        box.runner.wait()
        box.query(f"""WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3)
            INSERT INTO inbox (run, at_ms, who, kind, body, reply)
            SELECT '{run}', 0, 'mallory', 'alert',
                '{{"name":"n' || i || '","firing":true,"labels":{{"x":"' || hex(zeroblob(3000000)) || '"}}}}', '' FROM n""")
        answer = server.ask("POST", "/api/v1/alerts", firing, token=token)
        check(answer.status == 503 and "inbox" in answer.json()["detail"], answer)
        check(server.ask("POST", "/api/v1/alerts", other, token=token).status == 200, "no run waits for this one")
        alive(server)


def a_damaged_journal_is_told_and_the_rest_goes_on(box):
    token = token_of(box)
    run = start_run(box)
    with Server(box) as server:
        client = Client(server, token)
        question = asked(client, run)
        box.query("UPDATE events SET hash = 'x' WHERE seq = 1")
        with Server(box) as fresh:
            check(fresh.ask("GET", f"/api/v1/runs/{run}", token=token).status == 500, "a broken chain")
            check(fresh.ask("GET", "/api/v1/runs", token=token).status == 200, "the list")
            check(fresh.ask("GET", "/metrics").status == 200, "metrics")
            check(fresh.ask("POST", f"/api/v1/runs/{run}/answers", {"question": question["id"], "answer": "yes"},
                            token=token).status == 500, "an answer")
    box.runner.kill()
    box.runner.wait()


def ignore_file_size():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a write beyond the limit fails then, as on a full disk


def a_full_disk_is_told_and_what_comes_again_is_stored(box):
    run = start_run(box)
    with Server(box, preexec=ignore_file_size) as server:
        token = token_of(box)
        question = asked(Client(server, token), run)
        box.runner.kill()
        box.runner.wait()
        firing = {"version": "4", "alerts": [{"status": "firing", "labels": {"alertname": "TooManyErrors"}}]}
        yes = {"question": question["id"], "answer": "yes"}
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
        for _ in range(2):
            check(server.ask("POST", "/api/v1/alerts", firing, token=token).status == 503, "an alert")
            check(server.ask("POST", f"/api/v1/runs/{run}/answers", yes, token=token).status == 503, "an answer")
            check(server.ask("GET", f"/api/v1/runs/{run}", token=token).status == 200, "reading goes on")
        check(server.ask("GET", "/healthz").status == 503, "health")
        check(box.query("SELECT count(*) FROM inbox") == [(0,)], "half of it was stored")
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        until(lambda: server.ask("GET", "/healthz").status == 200, "it writes again")
        check(server.ask("POST", "/api/v1/alerts", firing, token=token).json()["stored"] == 1, "it comes again")
        check(server.ask("POST", f"/api/v1/runs/{run}/answers", yes, token=token).status == 202, "no runner")


TESTS = (who_is_slow_is_cut_and_others_are_answered, connections_that_say_nothing_do_not_shut_others_out,
         what_is_too_large_is_refused, paths_lead_nowhere_else, requests_behind_each_other_are_answered_in_order,
         guessing_tokens_is_answered_with_429_and_harms_nobody, more_streams_than_there_is_room_for,
         streams_of_readers_who_left_make_room, a_reader_that_does_not_read_holds_nothing_up, noise_is_answered_or_closed,
         a_log_that_nobody_reads_holds_nothing_up,
         many_alerts_and_a_full_inbox_are_bounded, an_inbox_of_large_rows_ends_no_server,
         a_damaged_journal_is_told_and_the_rest_goes_on,
         a_full_disk_is_told_and_what_comes_again_is_stored)

if __name__ == "__main__":
    main(TESTS)
