"""Whole runs against files, SQLite and a small HTTP server: what a plan does must be what it says, also when
the runner is killed, asked to stop twice, or given values it did not expect.

    run_test.py [--keep] [TEST …]
"""

import json
import os
import re
import signal
import socket
import sqlite3
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from box import BIN, check, limited, main, of_many_commits, plan

WAIT_S = 20


def until(holds, what, seconds=WAIT_S):
    """Wait until something holds; a bounded time."""
    def now():
        try:
            return holds()
        except sqlite3.OperationalError:  # a store that is being made has no tables yet
            return False

    end = time.monotonic() + seconds
    while not now():
        check(time.monotonic() < end, f"not within {seconds} s: {what}")
        time.sleep(0.02)


def drive(box, text, *more, status=0, seconds=60):
    box.write("small.rbk", text)
    done = box.run("rbk", "run", *more, "small.rbk", seconds=seconds)
    check(done.status == status, done)
    return done


def begin(box, text):
    """A run that goes on while the test does something to it."""
    box.write("small.rbk", text)
    return box.start("rbk", "run", "small.rbk")


def ends(process, status, seconds=30):
    out, err = process.communicate(timeout=seconds)
    check(process.returncode == status, f"{process.returncode}: {out!r} {err!r}")
    return out + err


def body_of(box, kind, having):
    """The bodies of the journal's events of a kind that contain a text."""
    return [json.loads(body) for (body,) in box.query("SELECT body FROM events WHERE kind = ? ORDER BY seq", kind)
            if having in body]


# ---- stopping ---------------------------------------------------------------------------------------


def leaving_while_something_is_read_leaves_nothing_behind(box):
    """Asked twice to stop while a check waits for a command: nothing leaks, and the run goes on later."""
    box.write("slow.sh", "touch reading; sleep 3; echo 1")
    process = begin(box, plan('run "touch made" timeout 5s idempotent\n'
                              'check "slow" run.output("sh slow.sh") == "1" timeout 20s'))
    until(lambda: os.path.exists(box.path("reading")), "the check reads")
    process.send_signal(signal.SIGINT)
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    ends(process, 30)
    done = box.run("rbk", "resume", box.run_id(), seconds=40)
    check(done.status == 0, done)


# ---- after a crash ----------------------------------------------------------------------------------


def a_result_found_after_a_crash_is_kept_as_any_other(box):
    """The command ends while its runner is dead: its output is evidence all the same, without the secret."""
    box.env["TOKEN"] = "hush-hush-4711"
    box.write("say.sh", "touch saying; until test -e end; do sleep 0.05; done; echo it is $TOKEN indeed; touch said")
    process = begin(box, plan('run "touch made" timeout 5s idempotent\n'
                              'capture "what it said" run "sh say.sh" env { TOKEN: token } timeout 20s',
                              head='secret token from env "TOKEN"'))
    until(lambda: os.path.exists(box.path("saying")), "the command runs")
    process.kill()
    process.communicate(timeout=10)
    box.write("end", "")
    until(lambda: os.path.exists(box.path("said")), "the command ends")
    done = box.run("rbk", "resume", box.run_id())
    check(done.status == 0, done)
    kept = box.query("SELECT label, content FROM evidence")
    check(len(kept) == 1 and kept[0][0] == "what it said" and kept[0][1].startswith("it is "), kept)
    check("hush-hush" not in kept[0][1], kept)
    check(box.query("SELECT count(*) FROM events WHERE kind = 'resolved' AND body LIKE '%\"outcome\":\"ok\"%'")[0][0] == 1,
          box.query("SELECT kind, body FROM events"))


def time_while_no_runner_lives_does_not_count(box):
    """The command is at work for longer than its timeout, most of it without a runner: it is not timed out."""
    box.write("work.sh", "touch begun; sleep 6; touch later; until test -e end; do sleep 0.05; done; touch made")
    process = begin(box, plan('run "sh work.sh" timeout 5s', within="60s"))
    until(lambda: os.path.exists(box.path("begun")), "the command runs")
    process.kill()
    process.communicate(timeout=10)
    until(lambda: os.path.exists(box.path("later")), "it runs on when its time would have been up")
    box.write("end", "")
    done = box.run("rbk", "resume", box.run_id())
    check(done.status == 0, done)
    check(not body_of(box, "result", "timeout") and not body_of(box, "resolved", "timeout"), done)


def a_wait_ends_when_it_would_have_ended(box):
    """What has passed while no runner lived counts: the wait does not begin anew."""
    process = begin(box, plan('run "touch made" timeout 5s idempotent\nwait 8s because "of the test"', within="60s"))
    until(lambda: os.path.exists(box.path("made")), "the wait has nearly begun")
    until(lambda: box.query("SELECT count(*) FROM events WHERE kind = 'result'")[0][0] >= 1, "it has")
    began = time.monotonic()
    time.sleep(7)
    process.kill()
    process.communicate(timeout=10)
    resumed = time.monotonic()
    done = box.run("rbk", "resume", box.run_id())
    check(done.status == 0, done)
    check(time.monotonic() - began > 7.5, f"it waited {time.monotonic() - began} s: {done}")
    check(time.monotonic() - resumed < 8, f"it waited {time.monotonic() - resumed} s once more: {done}")


# ---- people -----------------------------------------------------------------------------------------


def a_request_too_long_for_the_journal_is_refused(box):
    """Whatever stands in the inbox, the runner goes on, and the asker is told."""
    process = begin(box, plan('run "touch made" timeout 5s idempotent\nwait 4s because "of the test"', within="60s"))
    until(lambda: os.path.exists(box.path("made")), "the run runs")
    box.query("INSERT INTO inbox (run, at_ms, who, kind, body, reply) VALUES (?, 1, 'eve', 'command', ?, '')",
              box.run_id(), json.dumps({"command": "pause", "reason": "\x01" * 5_000_000}))
    until(lambda: "too long" in box.query("SELECT reply FROM inbox")[0][0], "it is refused")
    ends(process, 0)


def a_flood_of_requests_waits_in_the_store(box):
    """Each is answered, in order, while the runner holds a few of them at a time."""
    process = begin(box, plan('run "touch made" timeout 5s idempotent\nwait until file.exists("go") every 50ms timeout 40s',
                              within="60s"))
    until(lambda: os.path.exists(box.path("made")), "the run runs")
    process.kill()
    process.communicate(timeout=10)
    run, count = box.run_id(), 200
    store = sqlite3.connect(box.store)
    store.executemany("INSERT INTO inbox (run, at_ms, who, kind, body, reply) VALUES (?, 1, 'eve', 'command', ?, '')",
                      [(run, json.dumps({"command": ("pause", "continue")[number % 2], "reason": "x" * 200_000}))
                       for number in range(count)])
    store.commit()
    store.close()
    process = box.start("rbk", "resume", run)
    until(lambda: box.query("SELECT reply FROM inbox ORDER BY id DESC LIMIT 1") == [("accepted",)], "all are answered", 40)
    with open(f"/proc/{process.pid}/status") as file:
        most = next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
    box.write("go", "")
    ends(process, 0)
    commands = [json.loads(body)["command"] for (body,) in
                box.query("SELECT body FROM events WHERE kind = 'command' ORDER BY seq")]
    check(commands == ["pause", "continue"] * (count // 2), "they came in another order")
    check(most < 45 << 10 or "asan" in BIN, f"{most} KiB were held")


@of_many_commits
def more_alerts_than_there_is_room_for_are_refused(box):
    """They would be read again by every resume: a run that took them all could never be gone on with."""
    process = begin(box, plan('run "touch made" timeout 5s idempotent\nwait until file.exists("go") every 50ms timeout 40s',
                              within="60s"))
    until(lambda: os.path.exists(box.path("made")), "the run runs")
    run, count = box.run_id(), 300
    store = sqlite3.connect(box.store, timeout=20)
    store.executemany("INSERT INTO inbox (run, at_ms, who, kind, body, reply) VALUES (?, 1, 'eve', 'alert', ?, '')",
                      [(run, json.dumps({"name": "Broken", "firing": True, "labels": {"of": f"{number}{'x' * 200_000}"}}))
                       for number in range(count)])
    store.commit()
    store.close()
    until(lambda: not box.query("SELECT id FROM inbox WHERE reply = '' LIMIT 1"), "all are answered", 40)
    replies = dict(box.query("SELECT reply, count(*) FROM inbox GROUP BY reply"))
    check(set(replies) == {"accepted", "too many alerts fire at once"}, replies)
    process.kill()
    process.communicate(timeout=10)
    box.write("go", "")
    done = box.run("rbk", "resume", run)
    check(done.status == 0, done.status)


def a_window_of_another_zone_changes_no_clock_but_its_own(box):
    """Times are shown by the clock of who looks, not by the plan's."""
    hour = (time.gmtime().tm_hour + 9) % 24
    box.env["TZ"] = "UTC"
    done = drive(box, plan(head=f'    window {(hour - 1) % 24:02}:00 to {(hour + 4) % 24:02}:00 "Asia/Tokyo"'))
    times = re.findall(r"^(\d\d):\d\d:\d\d", done.text.decode(), re.M)
    check(times and f"{hour:02}" not in times, done)


# ---- secrets ----------------------------------------------------------------------------------------


def a_secret_whose_command_fails_says_so(box):
    """The reason is the command's, and nothing of the run is begun."""
    box.write("key.sh", "echo half-of-it; exit 3")
    box.write("small.rbk", plan(head='secret token from command "sh key.sh"'))
    box.refused("rbk", "run", "small.rbk", says="secret `token` cannot be read: its command failed: sh key.sh")
    check(not os.path.exists(box.path("made")), "the stage was begun")


def a_run_that_cannot_read_its_secrets_leaves_nothing(box):
    """No run, no lease, no folder; the next one finds the store as it was."""
    text = plan(head='secret token from env "NOT_SET_AT_ALL"')
    for number in range(2):
        done = drive(box, text, status=2)
        check(b"secret `token`" in done.err, done)
        check(box.query("SELECT count(*) FROM runs")[0][0] == number, "a run is left")
        check(box.query("SELECT count(*) FROM leases")[0][0] == number, "a lease is left")
        folder = os.path.join(os.path.dirname(box.store), "runs")
        check(len(os.listdir(folder) if os.path.exists(folder) else []) == number, "a folder is left")
        if number == 0:
            drive(box, plan())


def a_store_that_is_not_there_is_no_empty_store(box):
    for words in (("runs",), ("runs", "--json"), ("status",), ("log",), ("resume",)):
        done = box.run("rbk", *words)
        check(done.status == 1 and not done.out and box.store.encode() in done.err, done)
    check(not os.path.exists(box.store), "looking made a store")


def a_secret_is_what_its_command_says(box):
    """Words are cut by blanks and quotes; the line end is not part of it."""
    box.write("is.sh", 'test "$TOKEN" = "two words" && touch same')
    drive(box, plan('run "touch made" timeout 5s idempotent\n'
                    'run "sh is.sh" env { TOKEN: token } timeout 5s idempotent',
                    head="secret token from command \"echo 'two words'\""))
    check(os.path.exists(box.path("same")), "the secret is another")


# ---- the world --------------------------------------------------------------------------------------


class Server:
    """A service with a health page and a mailbox; both can be broken."""

    def __init__(self):
        server = self
        self.health, self.refuse, self.mail, self.asked = 200, 0, [], 0

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                server.asked += 1
                self.answer(server.health)

            def do_POST(self):
                text = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                server.refuse -= 1
                if server.refuse < 0:
                    server.mail.append(text)
                self.answer(200 if server.refuse < 0 else 503)

            def answer(self, status):
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *words):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()


MODULE = """module hook

channel web(mailbox: url) {
    http POST mailbox body "${message} (${key})" timeout 10s
}
"""

WORLD = """use hook

plan world {{
    connection shop = sqlite("shop.db")
    channel team = hook.web("{url}/mail")
    probe health = http.status("{url}/health") every 200ms timeout 5s
    trigger down when health != 200 for 2 readings then abort missing then abort
    on start {{ notify team "begins" }}
    on aborted {{ notify team "is back" }}
    on completed {{ notify team "is through on ${{run.host}}" }}

    stage one "All kinds of steps" {{
        apply within 2m {{
            sql shop "CREATE TABLE done (what TEXT)" timeout 5s
            parallel {{
                sql shop "INSERT INTO done VALUES ('left')" timeout 10s
                foreach n in [1, 2, 3] {{ run "touch made-${{n}}" timeout 5s idempotent }}
                run "sh third.sh" retry 3 every 200ms timeout 5s idempotent
            }}
            let rows = int(sql.value(shop, "SELECT count(*) FROM done")) timeout 5s
            check "one row" rows == 1
            {wait}
        }}
        verify within 10s {{ check "it is there" file.exists("made-3") timeout 5s }}
        rollback within 60s {{
            run "rm -f made-1 made-2 made-3" timeout 5s idempotent
            sql shop "DROP TABLE done" timeout 5s
            verify {{ check "it is gone" not file.exists("made-1") timeout 5s }}
        }}
    }}
}}
"""


def world(box, server, wait=""):
    box.write("hook.rbk", MODULE)
    sqlite3.connect(box.path("shop.db")).close()
    box.write("third.sh", "echo x >> tries; test $(wc -l < tries) -ge 3")
    return WORLD.format(url=server.url, wait=wait)


def all_kinds_of_steps_are_carried_out(box):
    """SQLite, files, branches, a loop, retries, probes, messages: and every message arrives, in order."""
    server = Server()
    try:
        server.refuse = 1
        drive(box, world(box, server))
    finally:
        server.close()
    check(box.read("tries").count(b"x") == 3, box.read("tries"))
    check([text.split(" (")[0] for text in server.mail] == ["begins", "is through on " + socket.gethostname()], server.mail)


def a_service_that_goes_down_turns_the_run(box):
    """The trigger fires while a command runs: it is stopped, and everything is taken back."""
    server = Server()
    try:
        process = begin(box, world(box, server, 'run "sleep 50" timeout 55s'))
        until(lambda: server.asked > 3 and os.path.exists(box.path("made-3")), "it is watched")
        until(lambda: box.query("SELECT count(*) FROM events WHERE kind = 'result'")[0][0] >= 7, "all but the last")
        server.health = 500
        ends(process, 10)
    finally:
        server.close()
    check(not os.path.exists(box.path("made-1")), "a file is left")
    check([text.split(" (")[0] for text in server.mail] == ["begins", "is back"], server.mail)


def nobody_waits_for_a_message_that_cannot_be_sent(box):
    """The run has ended, its last message has not been sent: Ctrl-C leaves it to `rbk resume`."""
    server = Server()
    try:
        server.refuse = 1000
        process = begin(box, world(box, server))
        until(lambda: os.path.exists(box.store) and box.query("SELECT count(*) FROM runs WHERE status = 'completed'")
              [0][0] == 1, "the run ends")
        process.send_signal(signal.SIGINT)
        ends(process, 0)
        server.refuse = 0
        done = box.run("rbk", "resume", box.run_id())
        check(done.status == 0, done)
    finally:
        server.close()
    check([text.split(" (")[0] for text in server.mail] == ["begins", "is through on " + socket.gethostname()], server.mail)


def as_many_messages_as_wait_are_told_one_after_the_other(box):
    """Messages for nobody but the terminal, on a small stack: each takes its turn."""
    process = begin(box, plan('run "touch made" timeout 5s idempotent\nwait 2s because "of the test"', within="60s"))
    until(lambda: os.path.exists(box.path("made")), "the run runs")
    process.kill()
    process.communicate(timeout=10)
    run, count = box.run_id(), 3000
    store = sqlite3.connect(box.store)
    store.executemany("INSERT INTO outbox (run, at_ms, channel, key, text, stage) VALUES (?, 1, 4294967295, ?, ?, '')",
                      [(run, f"k{number}", f"message {number}.") for number in range(count)])
    store.commit()
    store.close()
    done = box.run("rbk", "resume", run, preexec_fn=limited(STACK=256 << 10))
    check(done.status == 0, done)
    told = [int(number) for number in re.findall(rb"message (\d+)\.", done.out + done.err)]
    check(told == list(range(count)), f"{len(told)} were told, in order: {told == sorted(told)}")


TESTS = [all_kinds_of_steps_are_carried_out, a_service_that_goes_down_turns_the_run,
         nobody_waits_for_a_message_that_cannot_be_sent, as_many_messages_as_wait_are_told_one_after_the_other,
         a_run_that_cannot_read_its_secrets_leaves_nothing, a_store_that_is_not_there_is_no_empty_store,
         a_secret_whose_command_fails_says_so, a_secret_is_what_its_command_says,
         a_request_too_long_for_the_journal_is_refused, a_flood_of_requests_waits_in_the_store,
         more_alerts_than_there_is_room_for_are_refused,
         a_window_of_another_zone_changes_no_clock_but_its_own,
         a_wait_ends_when_it_would_have_ended, time_while_no_runner_lives_does_not_count,
         a_result_found_after_a_crash_is_kept_as_any_other,
         leaving_while_something_is_read_leaves_nothing_behind]

if __name__ == "__main__":
    main(TESTS)
