#!/usr/bin/env python3
"""What the outbox promises when the other side is broken: every message arrives, each at least once, in the order
of its channel, whatever the endpoint does, whoever kills the runner; and no run waits for it, forward or back.

The services here are sockets, so that they can answer garbage, half of an answer, or nothing.

    outbox_test.py [--keep] [CASE...]
"""

import gzip
import json
import os
import random
import re
import socket
import ssl
import struct
import subprocess
import threading

from scene import CHECK, OPS, expect, hold, plan, play, stage, tell
from world import free_port, wait_for

FAIL = 'run "false" timeout 5s idempotent\n'
TURN = 'abort when rollbacks > 0 "one stage came back"\n'
# A channel whose patience is short, so that a test need not have much.
MODULE = """module small.told

channel to(address: url, name: text) {
    http POST "${address}/${name}" header "Idempotency-Key" key body message expect 200 timeout 400ms
}

channel patient(address: url) {
    http POST "${address}/patient" header "Idempotency-Key" key body message expect 200 timeout 60s
}
"""
BOMB = gzip.compress(b"\0" * 20000000)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Endpoint:
    """An HTTP endpoint that does what `mood(request number)` says for each request it has read whole:
    good, error, reset, lost (taken, but there is no answer), hang, garbage, headers (without end), and those that say 200
    with a body that is half, huge, drip (a byte now and then), bomb (a little that unpacks to a lot)."""

    def __init__(self, mood, tls=None, port=0):
        self.mood, self.tls = mood, tls
        self.arrived = []  # (channel, key, text), in order
        self.count = 0
        self.lock = threading.Lock()
        self.over = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", port), backlog=256)
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def read(self, client):
        data = b""
        while b"\r\n\r\n" not in data:
            more = client.recv(65536)
            if not more:
                return None
            data += more
        head, body = data.split(b"\r\n\r\n", 1)
        length = int(re.search(rb"(?i)content-length: *(\d+)", head + b"\r\ncontent-length: 0").group(1))
        while len(body) < length:
            more = client.recv(65536)
            if not more:
                return None
            body += more
        key = re.search(rb"(?i)idempotency-key: *(\S+)", head)
        return head.split()[1].decode().strip("/"), key.group(1).decode() if key else "", body.decode()

    def serve(self, client):
        try:
            if self.tls:
                client = self.tls.wrap_socket(client, server_side=True)
            request = self.read(client)
            if request is None:
                return
            with self.lock:
                self.count += 1
                mood = self.mood(self.count)
                if mood in ("good", "lost", "half", "huge", "drip", "bomb"):
                    self.arrived.append(request)
            self.answer(client, mood)
        except OSError:
            pass
        finally:
            client.close()

    def answer(self, client, mood):
        if mood == "good":
            client.sendall(OK)
        elif mood == "error":
            client.sendall(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")
        elif mood in ("reset", "lost"):
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif mood == "hang":
            self.over.wait(20)
        elif mood == "garbage":
            client.sendall(b"\x00\xff\x1b[2J not http at all\r\n\r\n" * 10)
        elif mood == "half":
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this")
        elif mood == "drip":
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            while not self.over.wait(0.05):
                client.sendall(b"x")
        elif mood == "bomb":
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s" % (len(BOMB), BOMB))
        elif mood == "huge":
            client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            while not self.over.is_set():
                client.sendall(b"x" * 1000000)
        elif mood == "headers":
            client.sendall(b"HTTP/1.1 200 OK\r\n")
            for i in range(1000000):
                client.sendall(b"X-Header-%d: %s\r\n" % (i, b"y" * 1000))

    def first(self, channel):
        """The texts of a channel in the order in which they arrived for the first time."""
        return list(dict.fromkeys(text for name, _, text in self.arrived if name == channel))

    def close(self):
        self.over.set()
        self.listener.close()


def head_of(endpoint, channels=("a",), more=""):
    return "".join(f'channel {name} = told.to("{endpoint.url}", "{name}")\n' for name in channels) + more


# Of the pauses between refusals, which are seconds.
SOON = {"RBK_TEST_REFUSED_PAUSE_MS": "10"}


def prepare(scene):
    os.makedirs(scene.path("small"), exist_ok=True)
    scene.write("small/told.rbk", MODULE)


def turns(scene):
    return json.loads(scene.read("turns"))


# ---- a thousand messages ----------------------------------------------------------------------------

CHANNELS = [f"c{i}" for i in range(10)]


def thousand(endpoint, last):
    numbers = "[" + ", ".join(str(i) for i in range(100)) + "]"
    steps = "".join(f'notify {name} "${{n}}"\n' for name in CHANNELS)
    return plan(stage("a", f"foreach n in {numbers} {{ {steps} }}\n{last}", within="5m"),
                head=head_of(endpoint, CHANNELS), use="use small.told")


def a_thousand_messages_survive_an_endpoint_that_fails_at_random(scene):
    seed = int(os.environ.get("RBK_SEED") or random.randrange(1 << 30))
    print(f"note    RBK_SEED={seed}", flush=True)
    dice = random.Random(seed)
    moods = ["good"] * 66 + ["error"] * 10 + ["reset"] * 8 + ["lost"] * 8 + ["hang"] * 3 + ["garbage"] * 5
    endpoint = Endpoint(lambda _: dice.choice(moods))
    prepare(scene)
    scene.begin(thousand(endpoint, tell("through") + hold("go").replace("25s", "2m")), env={"RBK_TEST_TURNS": scene.path("turns")})
    scene.until(lambda: len(endpoint.arrived) > 250, "the first of them", 40)
    # A runner that dies sends again what it had not written down, and nothing before something earlier.
    scene.process.kill()
    scene.process.wait()
    scene.resume(wait=True)
    wanted = [str(i) for i in range(100)]
    scene.until(lambda: all(len(endpoint.first(name)) == 100 for name in CHANNELS), "all of them", 60)
    for name in CHANNELS:
        expect(endpoint.first(name), wanted, f"the order of {name}")
    keys = {}
    for name, key, text in endpoint.arrived:
        expect(keys.setdefault(key, (name, text)), (name, text), f"what came with key {key}")
    expect(len(keys), 1000, "keys")
    scene.touch("go")
    scene.ends(0)
    expect(turns(scene), {"waited": 1, "commits": 1}, "turns of the loop that a record waited, and commits in one")
    expect(scene.ask("SELECT count(*) FROM outbox WHERE sent_ms = 0"), [(0,)], "messages the store thinks unsent")
    endpoint.close()


def without_an_endpoint_that_fails_the_run_takes_as_many_turns(scene):
    endpoint = Endpoint(lambda _: "good")
    prepare(scene)
    scene.begin(thousand(endpoint, tell("through") + hold("go").replace("25s", "2m")), env={"RBK_TEST_TURNS": scene.path("turns")})
    scene.until(lambda: all(len(endpoint.first(name)) == 100 for name in CHANNELS), "all of them", 60)
    scene.touch("go")
    scene.ends(0)
    expect(turns(scene), {"waited": 1, "commits": 1}, "turns of the loop that a record waited, and commits in one")
    for name in CHANNELS:
        expect(endpoint.first(name), [str(i) for i in range(100)], f"the order of {name}")
    endpoint.close()


# ---- what cannot hold a run up ----------------------------------------------------------------------

def a_rollback_does_not_wait_for_an_endpoint_that_never_answers(scene):
    quiet = threading.Event()
    endpoint = Endpoint(lambda _: "good" if quiet.is_set() else "hang")
    prepare(scene)
    head = f'channel a = told.patient("{endpoint.url}")\n' + TURN + """
        on abort   { notify a "back" }
        on aborted { notify a "was back" }"""
    scene.begin(plan(stage("one", 'notify a "one"\n' + tell("one")), stage("two", tell("two") + 'notify a "two"\n' + FAIL),
                     head=head, use="use small.told"), env={"RBK_TEST_TURNS": scene.path("turns")})
    scene.until_status("aborted")
    scene.trace("one", "two", "back_two", "back_one")
    expect(endpoint.count, 1, "requests: the first is still without an answer")
    quiet.set()
    endpoint.over.set()
    scene.ends(10, "aborted")
    expect(turns(scene), {"waited": 1, "commits": 1}, "turns and commits")
    expect(endpoint.first("patient"), ["one", "two", "back", "was back"], "the messages")
    endpoint.close()


def one_channel_does_not_wait_for_another(scene):
    bad, good = Endpoint(lambda _: "hang"), Endpoint(lambda _: "good")
    prepare(scene)
    head = f'channel stuck_one = told.patient("{bad.url}")\n' + head_of(good)
    scene.begin(plan(stage("one", 'notify stuck_one "x"\nnotify a "y"\n' + tell("one") + hold()), head=head, use="use small.told"))
    scene.until(lambda: good.first("a") == ["y"], "the other channel's message")
    bad.over.set()
    scene.touch("go")
    scene.process.terminate()
    scene.process.wait(20)
    bad.close()
    good.close()


# ---- every kind of hostility loses nothing ------------------------------------------------------------

# More than a channel holds in memory.
MANY = [str(i) for i in range(40)]


def hostile(mood):
    def case(scene):
        calm = threading.Event()
        endpoint = Endpoint(lambda _: "good" if calm.is_set() else mood)
        prepare(scene)
        scene.begin(plan(stage("one", f'foreach n in [{", ".join(MANY)}] {{ notify a "${{n}}" }}\n' + tell("one") + hold()),
                         head=head_of(endpoint), use="use small.told"))
        scene.until(lambda: scene.ask("SELECT 1 FROM outbox WHERE attempts >= 3 AND reason <> ''"), "three attempts")
        scene.until_traced("one")
        expect(endpoint.first("a"), [], "what arrived")
        calm.set()
        endpoint.over.set()
        scene.until(lambda: len(endpoint.first("a")) == len(MANY), "all of them")
        expect(endpoint.first("a"), MANY, "the order")
        scene.touch("go")
        scene.ends(0)
        endpoint.close()
    case.__name__ = f"nothing_is_lost_when_the_endpoint_answers_with_{mood}"
    return case


def odd(mood):
    def case(scene):
        endpoint = Endpoint(lambda _: mood)
        prepare(scene)
        texts = ["1", "2", "3"]
        scene.begin(plan(stage("one", "".join(f'notify a "{text}"\n' for text in texts) + tell("one")), head=head_of(endpoint), use="use small.told"))
        scene.ends(0)
        expect([text for _, _, text in endpoint.arrived], texts, "each, once")
        expect(scene.ask("SELECT count(*) FROM outbox WHERE sent_ms = 0"), [(0,)], "messages the store thinks unsent")
        endpoint.close()
    case.__name__ = f"a_success_with_a_body_that_is_{mood}_is_a_delivery"
    return case


def no_redirect_is_followed(scene):
    other = Endpoint(lambda _: "good")
    endpoint = Picky()
    endpoint.answers["x"] = (307, f"Location: {other.url}/a\r\n", "moved")
    prepare(scene)
    scene.begin(plan(stage("one", 'notify a "x"\nnotify a "y"\n' + tell("one")), head=head_of(endpoint), use="use small.told"), env=SOON).ends(0)
    expect((endpoint.texts(), other.count), (["x"] * 5 + ["y"], 0), "requests here and there")
    expect(scene.look()["messages"]["aside"][0]["reason"], "HTTP status 307 (a redirect, which is not followed): moved", "why")
    endpoint.close()
    other.close()


def nothing_is_lost_while_nobody_listens(scene):
    port = free_port()
    endpoint = type("Later", (), {"url": f"http://127.0.0.1:{port}"})
    prepare(scene)
    scene.begin(plan(stage("one", 'notify a "first"\n' + tell("one") + hold()), head=head_of(endpoint), use="use small.told"))
    scene.until(lambda: scene.ask("SELECT 1 FROM outbox WHERE attempts >= 3"), "three attempts")
    look = scene.look()["messages"]
    expect([(each["channel"], each["text"]) for each in look["unsent"]], [("a", "first")], "what rbk status tells")
    expect("refused" in look["unsent"][0]["reason"].lower() or "connect" in look["unsent"][0]["reason"].lower(), True, look)
    real = Endpoint(lambda _: "good", port=port)
    scene.until(lambda: real.first("a") == ["first"], "the message")
    scene.touch("go")
    scene.ends(0)
    real.close()


def a_certificate_nobody_signed_is_no_delivery(scene):
    made = subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1",
                           "-keyout", scene.path("key.pem"), "-out", scene.path("cert.pem")], capture_output=True, check=False)
    expect(made.returncode, 0, made.stderr)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(scene.path("cert.pem"), scene.path("key.pem"))
    endpoint = Endpoint(lambda _: "good", tls=tls)
    endpoint.url = endpoint.url.replace("http:", "https:")
    prepare(scene)
    scene.begin(plan(stage("one", 'notify a "first"\n' + tell("one")), head=f'channel a = told.patient("{endpoint.url}")',
                     use="use small.told"))
    scene.until(lambda: scene.ask("SELECT 1 FROM outbox WHERE attempts >= 3"), "three attempts")
    expect(endpoint.arrived, [], "what arrived")
    expect(re.search("(?i)certificate|ssl", scene.look()["messages"]["unsent"][0]["reason"]) is not None, True, scene.look()["messages"])
    scene.until_status("completed")
    scene.process.terminate()
    scene.process.wait(20)
    endpoint.close()


# ---- refused for good ---------------------------------------------------------------------------------

class Picky(Endpoint):
    """An endpoint that answers as `answers` says for the text of a message, else 200."""

    def __init__(self):
        self.answers = {}  # text: (status, headers, body)
        super().__init__(lambda _: "good")

    def answer(self, client, mood):
        status, headers, body = self.answers.get(self.arrived[-1][2], (200, "", "ok"))
        client.sendall(f"HTTP/1.1 {status} X\r\n{headers}Content-Length: {len(body)}\r\n\r\n{body}".encode())

    def texts(self):
        return [text for _, _, text in self.arrived]

    def keys(self, text):
        return {key for _, key, each in self.arrived if each == text}


def asides(scene):
    return [(each["channel"], each["text"]) for each in scene.look()["messages"]["aside"]]


def a_message_refused_for_good_stands_aside_and_the_next_ones_go_on(scene):
    endpoint = Picky()
    endpoint.answers["poison"] = (413, "", '{"error":\n  "the text is too long"}')
    endpoint.answers["venom"] = (400, "", "invalid_payload")
    prepare(scene)
    steps = "".join(f'notify a "{text}"\n' for text in ("first", "poison", "second", "venom", "third"))
    scene.begin(plan(stage("one", steps + tell("one") + hold()), head=head_of(endpoint), use="use small.told"), env=SOON)
    scene.until(lambda: "third" in endpoint.texts(), "the last")
    expect(endpoint.first("a"), ["first", "poison", "second", "venom", "third"], "the order")
    scene.until(lambda: asides(scene) == [("a", "poison"), ("a", "venom")], "what stands aside")
    expect([endpoint.texts().count(text) for text in ("first", "poison", "second", "venom", "third")], [1, 5, 1, 5, 1], "how often")
    aside = scene.look()["messages"]["aside"][0]
    expect((aside["attempts"], aside["reason"]), (5, 'HTTP status 413: {"error": "the text is too long"}'), "why")
    expect(scene.look()["messages"]["unsent"], [], "what waits")
    run, number = scene.run_id(), aside["id"]
    told = scene.run("rbk", "status", run).out.decode()
    expect(re.search(rf"(?s)refused, and set aside.*poison.*message {number}, refused 5 times: HTTP status 413.*rbk resend {run}", told) is not None, True, told)
    expect(re.search(rf"message {number} was refused 5 times and is set aside: .*rbk resend {run} {number}", scene.tail()) is not None, True, scene.tail())
    log = scene.run("rbk", "log", run).out.decode()
    expect(re.search(rf"told a: poison \(refused 5 times, message {number} is set aside: HTTP status 413", log) is not None, True, log)
    report = json.loads(scene.run("rbk", "report", run, "--format", "json").out)
    expect([("set_aside" in each, "sent" in each) for each in report["messages"]],
           [(False, True), (True, False), (False, True), (True, False), (False, True)], "the report")
    expect("refused, set aside" in scene.run("rbk", "report", run).out.decode(), True, "the page")
    # A person has one of them sent again: the same key.
    endpoint.answers.clear()
    scene.say("resend", str(number))
    scene.until(lambda: endpoint.texts().count("poison") == 6, "the message")
    expect(len(endpoint.keys("poison")), 1, "keys")
    scene.until(lambda: asides(scene) == [("a", "venom")], "what stands aside still")
    again = scene.say("resend", str(number), status=1)
    expect("no such message set aside" in (again.out + again.err).decode(), True, again)
    scene.say("resend", "0", status=2)
    scene.touch("go")
    scene.ends(0)
    # The rest of a run that has ended: with its next runner.
    done = scene.say("resend")
    expect("rbk resume" in done.out.decode(), True, done)
    scene.process = scene.start("rbk", "resume", run, stdout=scene.log, stderr=subprocess.STDOUT)
    scene.ends(0)
    expect((endpoint.texts()[-1], asides(scene)), ("venom", []), "the last")
    expect("no message of run" in scene.say("resend", status=1).err.decode(), True, "nothing is left")
    endpoint.close()


def a_channel_that_is_refused_everything_does_not_hold_up_the_end(scene):
    endpoint = Picky()
    numbers = [str(i) for i in range(40)]
    endpoint.answers = {text: (403, "", "no_service") for text in (*numbers, "aborts", "aborted")}
    prepare(scene)
    head = head_of(endpoint, more=TURN + 'on abort { notify a "aborts" }\non aborted { notify a "aborted" }\n')
    scene.begin(plan(stage("one", f'foreach n in [{", ".join(numbers)}] {{ notify a "${{n}}" }}\n' + tell("one")), stage("two", FAIL),
                     head=head, use="use small.told"), env={"RBK_TEST_TURNS": scene.path("turns"), **SOON})
    scene.ends(10, "aborted")
    expect(turns(scene), {"waited": 1, "commits": 1}, "turns and commits")
    expect(len(asides(scene)), 42, "what stands aside")
    expect([endpoint.texts().count(text) for text in ("0", "1", "39", "aborted")], [5, 2, 2, 2], "how often")
    expect(endpoint.first("a"), [*numbers, "aborts", "aborted"], "the order")
    endpoint.answers.clear()
    before = len(endpoint.arrived)
    scene.say("resend")
    scene.process = scene.start("rbk", "resume", scene.run_id(), stdout=scene.log, stderr=subprocess.STDOUT)
    scene.ends(10)
    expect(endpoint.texts()[before:], [*numbers, "aborts", "aborted"], "all of them, in order, once")
    endpoint.close()


def a_server_that_wants_to_be_left_alone_is_left_alone(scene):
    endpoint = Picky()
    endpoint.answers["busy"] = (429, "Retry-After: 2\r\n", "slow down")
    prepare(scene)
    scene.begin(plan(stage("one", 'notify a "busy"\nnotify a "next"\n' + tell("one") + hold()), head=head_of(endpoint), use="use small.told"))
    scene.until(lambda: endpoint.arrived, "the first attempt")
    endpoint.answers.clear()
    scene.until(lambda: scene.ask("SELECT 1 FROM outbox WHERE next_ms > 0"), "the pause")
    row = scene.ask("SELECT next_ms, text FROM outbox WHERE next_ms > 0")
    began = scene.ask("SELECT max(at_ms) FROM events")[0][0]
    expect((row[0][1], row[0][0] - began > 1000), ("busy", True), row)
    scene.until(lambda: endpoint.texts() == ["busy", "busy", "next"], "the second")
    scene.touch("go")
    scene.ends(0)
    endpoint.close()


# ---- the end ------------------------------------------------------------------------------------------

def what_is_left_at_the_end_goes_out_with_a_resume(scene):
    calm = threading.Event()
    endpoint = Endpoint(lambda _: "good" if calm.is_set() else "error")
    prepare(scene)
    scene.begin(plan(stage("one", tell("one")), head=head_of(endpoint, more='on completed { notify a "done" }\non start { notify a "begins" }\n'),
                     use="use small.told"))
    scene.until_status("completed")
    scene.process.terminate()  # nobody wants to wait for the farewell here
    scene.process.wait(20)
    told = scene.run("rbk", "status", scene.run_id()).out.decode()
    expect(re.search(r"(?s)messages not sent.*begins.*500.*rbk resume", told) is not None, True, told)
    calm.set()
    scene.process = scene.start("rbk", "resume", scene.run_id(), stdout=scene.log, stderr=subprocess.STDOUT)
    scene.ends(0)
    expect(endpoint.first("a"), ["begins", "done"], "the messages")
    told = scene.run("rbk", "status", scene.run_id()).out.decode()
    expect("not sent" in told, False, told)
    log = scene.run("rbk", "log", scene.run_id()).out.decode()
    expect(re.search(r"told a: begins", log) is not None and re.search(r"told a: done", log) is not None, True, log)
    endpoint.close()


CASES = [a_thousand_messages_survive_an_endpoint_that_fails_at_random,
         without_an_endpoint_that_fails_the_run_takes_as_many_turns,
         a_rollback_does_not_wait_for_an_endpoint_that_never_answers, one_channel_does_not_wait_for_another,
         *[hostile(mood) for mood in ("error", "reset", "hang", "garbage", "headers")],
         *[odd(mood) for mood in ("half", "huge", "drip", "bomb")], no_redirect_is_followed,
         a_message_refused_for_good_stands_aside_and_the_next_ones_go_on,
         a_channel_that_is_refused_everything_does_not_hold_up_the_end, a_server_that_wants_to_be_left_alone_is_left_alone,
         nothing_is_lost_while_nobody_listens, a_certificate_nobody_signed_is_no_delivery,
         what_is_left_at_the_end_goes_out_with_a_resume]

if __name__ == "__main__":
    play(CASES)
