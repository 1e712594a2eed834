#!/usr/bin/env python3
"""Every channel of the standard library against small services that hold to the published contracts and refuse
everything else: PagerDuty's Events API v2, Statuspage's REST API, Slack's incoming webhooks, SMTP behind a real
msmtp (else behind a stand-in for sendmail). What they accepted is compared with what the run did.

    channels_test.py [--keep] [CASE...]
"""

import datetime
import email
import email.policy
import json
import os
import shutil
import socket
import socketserver
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from scene import HOOK, expect, hold, plan, play, stage, tell
from world import wait_for

FAIL = 'run "false" timeout 5s idempotent\n'
# A plan that turns round by itself once a stage came back.
TURN = 'abort when rollbacks > 0 "one stage came back"\n'


class Service:
    """An HTTP service on loopback: `answer(method, path, headers, body)` gives status and JSON."""

    def __init__(self, answer):
        self.accepted, self.refused = [], []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_POST(self):
                data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                try:
                    if self.command == "GET":
                        must(not data, "a GET with a body")
                    elif self.headers.get("Content-Type") != "application/json":
                        raise ValueError(f"Content-Type {self.headers.get('Content-Type')}")
                    body = json.loads(data) if data else None
                    status, reply = answer(self.command, self.path, self.headers, body)
                    service.accepted.append((self.command, self.path, body))
                except (ValueError, KeyError, TypeError) as error:
                    service.refused.append((self.command, self.path, data.decode(), repr(error)))
                    status, reply = 400, {"status": "invalid event", "errors": [str(error)]}
                text = reply.encode() if isinstance(reply, str) else json.dumps(reply).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_PATCH = do_GET = do_PUT = do_POST

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # a runner that was killed is no news
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def check(self):
        expect(self.refused, [], "what the service refused")


def must(condition, what):
    if not condition:
        raise ValueError(what)


def is_time(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).tzinfo is not None


# ---- PagerDuty ------------------------------------------------------------------------------------

ROUTING_KEY = "0123456789abcdef0123456789abcdef"


class PagerDuty(Service):
    """Alerts by their key: "triggered", "acknowledged" or "resolved"."""

    def __init__(self):
        self.alerts, self.actions, self.changes = {}, [], []
        super().__init__(self.answer)

    def answer(self, method, path, _headers, body):
        must(method == "POST", "method")
        must(body["routing_key"] == ROUTING_KEY, "routing_key")
        if path == "/v2/change/enqueue":
            must(set(body) <= {"routing_key", "payload", "links"}, f"members {sorted(body)}")
            self.payload(body["payload"], {"summary", "source", "timestamp", "custom_details"})
            self.changes.append(body)
            return 202, {"status": "success", "message": "Change event processed"}
        must(path == "/v2/enqueue", "path")
        action, key = body["event_action"], body["dedup_key"]
        must(0 < len(key) <= 255, "dedup_key")
        if action == "trigger":
            must(set(body) <= {"routing_key", "event_action", "dedup_key", "payload", "client", "client_url", "links",
                               "images"}, f"members {sorted(body)}")
            self.payload(body["payload"], {"summary", "source", "severity", "timestamp", "component", "group", "class",
                                           "custom_details"})
            must(body["payload"]["severity"] in ("critical", "error", "warning", "info"), "severity")
            must(body.get("client_url", "http").startswith("http"), "client_url")
            must(all(link["href"].startswith("http") for link in body.get("links", [])), "links")
            self.alerts[key] = "triggered"
        else:
            must(action in ("acknowledge", "resolve"), "event_action")
            must(set(body) == {"routing_key", "event_action", "dedup_key"}, f"members {sorted(body)}")
            if self.alerts.get(key) == "triggered" or (action == "resolve" and key in self.alerts):
                self.alerts[key] = action.rstrip("e") + "ed"
        self.actions.append((action, body.get("payload", {}).get("class"), body.get("payload", {}).get("severity")))
        return 202, {"status": "success", "message": "Event processed", "dedup_key": key}

    @staticmethod
    def payload(payload, members):
        must(set(payload) <= members, f"payload {sorted(payload)}")
        must(0 < len(payload["summary"]) <= 1024, "summary")
        must(payload["source"], "source")
        must(is_time(payload["timestamp"]), "timestamp")
        must(isinstance(payload["custom_details"], dict), "custom_details")


def pager_head(service, more="", name="pagerduty.incident"):
    return f"""
        secret key from env "ROUTING_KEY"
        channel page = {name}(key, address: "{service.url}")
        {more}"""


def pagerduty_has_one_incident_for_a_run_and_resolves_it(scene):
    service = PagerDuty()
    hooks = "".join(f'on {event} {{ notify page "{event}: ${{run.reason}}" }}\n'
                    for event in ("start", "stage", "hold", "abort", "aborted"))
    scene.begin(plan(stage("a", tell("a")), stage("b", tell("b") + FAIL), head=pager_head(service, TURN + hooks),
                     use="use std.pagerduty"), "--url", "https://war.example.com/", env={"ROUTING_KEY": ROUTING_KEY})
    scene.ends(10, "aborted")
    service.check()
    run = scene.run_id()
    expect(service.alerts, {run: "resolved"}, "the incidents")
    expect([each[0] for each in service.actions], ["trigger", "resolve"], "the order")
    expect(service.actions[0], ("trigger", "abort", "error"), "what opened it")
    trigger = next(body for _, _, body in service.accepted if body.get("event_action") == "trigger")
    expect(trigger["client_url"], f"https://war.example.com/runs/{run}", "the link")
    expect(trigger["payload"]["custom_details"]["status"], "aborting", "the status when it was written")
    expect([each["payload"]["custom_details"]["event"] for each in service.changes], ["start", "stage"], "the changes")


def pagerduty_takes_a_message_of_any_length_and_a_stuck_run_is_critical(scene):
    service = PagerDuty()
    hooks = 'on stuck { notify page """needs a person\n%s""" }\n' % ("näh " * 2000)
    scene.begin(plan(stage("a", tell("a") + FAIL, rollback=FAIL), head=pager_head(service, hooks),
                     use="use std.pagerduty"), env={"ROUTING_KEY": ROUTING_KEY})
    scene.ends(20, "stuck")
    service.check()
    expect(service.actions, [("trigger", "stuck", "critical")], "what was sent")
    expect(service.alerts, {scene.run_id(): "triggered"}, "the incident stays open")
    body = service.accepted[0][2]
    expect(len(body["payload"]["custom_details"]["message"]) > 8000, True, "the whole message")
    expect("client_url" in body, False, "no link without --url")


def pagerduty_acknowledges_and_resolves_where_a_plan_says_so(scene):
    service = PagerDuty()
    head = pager_head(service) + f"""
        channel seen = pagerduty.acknowledge(key, address: "{service.url}")
        channel fine = pagerduty.resolve(key, address: "{service.url}")
        on pause {{ notify page "paused" }}
        """
    scene.begin(plan(stage("a", tell("a") + hold() + 'notify seen "we look"\n' + hold("on") + 'notify fine "fine"\n'
                           + tell("end")), head=head, use="use std.pagerduty"), env={"ROUTING_KEY": ROUTING_KEY}, wait=True)
    scene.until_traced("a")
    scene.say("pause")
    scene.until(lambda: list(service.alerts.values()) == ["triggered"], "the incident")
    scene.touch("go")
    scene.until_status("paused")
    scene.say("continue")
    scene.until(lambda: list(service.alerts.values()) == ["acknowledged"], "somebody looks")
    scene.touch("on")
    scene.ends(0)
    service.check()
    expect([each[0] for each in service.actions], ["trigger", "acknowledge", "resolve"], "the order")


# ---- Statuspage -------------------------------------------------------------------------------------

TOKEN = "token-of-the-status-page"
REALTIME = ("investigating", "identified", "monitoring", "resolved")
SCHEDULED = ("scheduled", "in_progress", "verifying", "completed")
COMPONENT = ("operational", "under_maintenance", "degraded_performance", "partial_outage", "major_outage")


class Statuspage(Service):
    def __init__(self):
        self.incidents = {"m1": ["scheduled"]}
        self.opened = [{"id": "theirs", "name": "a disk", "status": "investigating", "metadata": {}},
                       {"id": "other", "name": "x", "status": "investigating", "metadata": {"rbk": {"run": "another"}}}]
        self.component = []
        self.on_open = lambda: None  # the incident is there, and nobody has been told
        super().__init__(self.answer)

    def answer(self, method, path, headers, body):
        if headers.get("Authorization") != f"OAuth {TOKEN}":
            self.refused.append((method, path, "", "Authorization"))
            return 401, {"error": "Could not authenticate"}
        if (method, path) == ("GET", "/v1/pages/p1/incidents/unresolved"):
            return 200, [each for each in self.opened if self.incidents.get(each["id"], [""])[-1] != "resolved"]
        if (method, path) == ("POST", "/v1/pages/p1/incidents"):
            incident = body["incident"]
            must(incident["name"] and incident["status"] in REALTIME and isinstance(incident["body"], str), incident)
            must(set(incident) <= {"name", "status", "body", "metadata", "components", "component_ids"}, incident)
            name = f"i{len(self.incidents)}"
            self.incidents[name] = [incident["status"]]
            self.opened.append({"id": name, **incident})
            self.on_open()
            return 201, {"id": name, "page_id": "p1", **incident}
        if method == "PATCH" and path.startswith("/v1/pages/p1/incidents/"):
            incident, name = body["incident"], path.rsplit("/", 1)[1]
            must(name in self.incidents, f"no incident {name}")
            must(set(incident) <= {"status", "body"}, incident)
            must(incident["status"] in (SCHEDULED if name == "m1" else REALTIME), incident)
            self.incidents[name].append(incident["status"])
            return 200, {"id": name, **incident}
        must((method, path) == ("PATCH", "/v1/pages/p1/components/c1"), "path")
        must(body["component"]["status"] in COMPONENT and set(body["component"]) == {"status"}, body)
        self.component.append(body["component"]["status"])
        return 200, {"id": "c1", **body["component"]}


def page_head(service, hooks):
    return f"""
        secret token from env "TOKEN"
        channel page  = statuspage.incident("p1", token, address: "{service.url}")
        channel plain = statuspage.component("p1", "c1", token, address: "{service.url}")
        channel night = statuspage.maintenance("p1", "m1", token, address: "{service.url}")
        """ + "".join(f'on {event} {{ ' + " ".join(f'notify {to} "{event}"' for to in channels.split()) + " }\n"
                      for event, channels in hooks.items())


def statuspage_opens_updates_and_resolves_one_incident(scene):
    service = Statuspage()
    hooks = {"start": "plain night", "stage": "plain page night", "abort": "page plain", "aborted": "page plain night"}
    scene.begin(plan(stage("a", tell("a")), stage("b", tell("b")), stage("c", FAIL),
                     head=TURN + page_head(service, hooks), use="use std.statuspage"), env={"TOKEN": TOKEN})
    scene.ends(10, "aborted")
    service.check()
    expect(service.incidents, {"m1": ["scheduled", "in_progress", "in_progress", "in_progress", "completed"],
                               "i1": ["investigating", "monitoring", "identified", "resolved"]}, "the incidents")
    expect(service.component, ["under_maintenance"] * 3 + ["partial_outage", "operational"], "the component")


def statuspage_says_nothing_of_a_run_without_trouble(scene):
    service = Statuspage()
    scene.begin(plan(stage("a", tell("a")), head=page_head(service, {"completed": "page plain", "stage": "night"}),
                     use="use std.statuspage"), env={"TOKEN": TOKEN}).ends(0)
    service.check()
    expect(service.incidents, {"m1": ["scheduled", "in_progress"]}, "no incident was opened")


def what_a_channel_keeps_outlives_its_runner(scene):
    service = Statuspage()
    hooks = {"start": "page", "completed": "page"}
    scene.begin(plan(stage("a", tell("a") + hold()), head=page_head(service, hooks), use="use std.statuspage"),
                env={"TOKEN": TOKEN}, wait=True)
    scene.until(lambda: scene.ask("SELECT 1 FROM outbox WHERE kept <> ''"), "the incident is noted")
    scene.process.kill()
    scene.process.wait()
    scene.touch("go")
    scene.resume().ends(0)
    service.check()
    expect(service.incidents["i1"], ["investigating", "resolved"], "the incident")


def begin_page(scene, service, **env):
    hooks = {"start": "page", "stage": "page", "completed": "page"}
    return scene.begin(plan(stage("a", tell("a") + hold()), head=page_head(service, hooks), use="use std.statuspage"),
                       env={"TOKEN": TOKEN, **env}, wait=True)


def an_incident_is_opened_once_although_its_runner_died_with_the_answer(scene):
    service = Statuspage()
    begin_page(scene, service, RBK_TEST_KILL_AFTER_ATTEMPT="1").process.wait(20)
    del scene.env["RBK_TEST_KILL_AFTER_ATTEMPT"]
    expect(service.incidents.get("i1"), ["investigating"], "the page opened it")
    expect(scene.ask("SELECT sent_ms, kept FROM outbox"), [(0, "")], "nobody noted it")
    scene.touch("go")
    scene.resume(wait=True).ends(0)
    service.check()
    expect({name: what for name, what in service.incidents.items() if name != "m1"},
           {"i1": ["investigating", "monitoring", "monitoring", "resolved"]}, "the incidents")


def an_incident_is_opened_once_although_its_runner_died_before_the_answer(scene):
    service = Statuspage()
    service.on_open = lambda: scene.process.kill()
    begin_page(scene, service).process.wait(20)
    service.on_open = lambda: None
    scene.touch("go")
    scene.resume(wait=True).ends(0)
    service.check()
    expect([name for name in service.incidents if name != "m1"], ["i1"], "the incidents")
    expect(service.incidents["i1"][-1], "resolved", "its end")


def a_page_that_lists_more_than_is_kept_is_asked_again(scene):
    service = Statuspage()
    service.opened += [{"id": f"long{i}", "name": "x" * 5000, "status": "identified", "metadata": {}} for i in range(30)]
    service.on_open = lambda: scene.process.kill()
    begin_page(scene, service).process.wait(20)
    service.on_open = lambda: None
    scene.touch("go")
    scene.resume(wait=True).ends(0)
    service.check()
    expect([name for name in service.incidents if name != "m1"], ["i1"], "the incidents")
    expect(service.incidents["i1"][-1], "resolved", "its end")


# ---- webhooks ---------------------------------------------------------------------------------------

def a_webhook_carries_what_a_reader_needs(scene):
    head = HOOK + 'title "Small plan"\nticket "OPS-1"\n' + TURN + """
        on start   { notify incident "begins" }
        on abort   { notify incident "back" }
        on aborted { notify incident "was back" }"""
    scene.begin(plan(stage("a", tell("a") + FAIL), head=head, use="use std.http"), "--url", "https://war.example.com",
                env={"HOOK": scene.hook()}).ends(10)
    first, second, last = scene.told()
    run = scene.run_id()
    expect(sorted(first), sorted(["message", "summary", "event", "severity", "run", "plan", "title", "ticket", "stage",
                                  "status", "reason", "question", "user", "host", "started", "at", "elapsed_seconds",
                                  "link", "key"]), "the members")
    expect([first[name] for name in ("message", "event", "severity", "run", "plan", "title", "ticket", "reason")],
           ["begins", "start", "info", run, "small", "Small plan", "OPS-1", ""], "the first message")
    expect(first["link"], f"https://war.example.com/runs/{run}", "the link")
    expect([second[name] for name in ("event", "severity", "status", "stage")], ["abort", "error", "aborting", "a"],
           "the second")
    expect("one stage came back" in second["reason"], True, second["reason"])
    expect([last[name] for name in ("event", "status")], ["aborted", "aborted"], "the last")
    expect(is_time(first["started"]) and is_time(first["at"]), True, "the times")
    expect(len({each["key"] for each in scene.told()}), 3, "keys")
    keys = [headers.get("Idempotency-Key") for _, _, headers, _ in scene.web.got(f"/hook/{scene.name}")]
    expect(keys, [each["key"] for each in scene.told()], "the key is a header, too")


def slack_gets_what_its_webhooks_take(scene):
    def answer(method, path, _headers, body):
        must((method, path) == ("POST", "/services/T0/B0/x"), "path")
        must(set(body) == {"text", "attachments"} and body["text"], body)
        must(set(body["attachments"][0]) == {"fallback", "text"} and len(body["attachments"]) == 1, body)
        return 200, "ok"
    service = Service(answer)
    scene.begin(plan(stage("a", 'notify chat "a \\"quoted\\" word"\n' + tell("a")),
                     head='secret hook from env "HOOK"\nchannel chat = slack.webhook(hook)', use="use std.slack"),
                "--url", "https://war.example.com", env={"HOOK": service.url + "/services/T0/B0/x"}).ends(0)
    service.check()
    expect(len(service.accepted), 1, "messages")
    body, run = service.accepted[0][2], scene.run_id()
    expect(body["text"], 'a "quoted" word', "the message")
    expect(body["attachments"][0]["text"], f"small  · {run} · running a\n`rbk status {run}` https://war.example.com/runs/{run}", "which run, and where to look")


# ---- mail -------------------------------------------------------------------------------------------

class Smtp:
    """A mail server that keeps what it is given: (sender, recipients, message). `refuse` says for a recipient how it is
    refused; `tries` are all that were named."""

    def __init__(self):
        self.mails = mails = []
        self.refuse, self.tries = {}, []
        server = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                sender, recipients = None, []
                self.wfile.write(b"220 test\r\n")
                for line in self.rfile:
                    verb = line.strip().upper()
                    if verb.startswith(b"MAIL FROM:"):
                        sender = line.strip()[10:].split()[0].decode()
                    elif verb.startswith(b"RCPT TO:"):
                        whom = line.strip()[8:].strip().strip(b"<>").decode()
                        server.tries.append(whom)
                        if whom in server.refuse:
                            self.wfile.write(server.refuse[whom] + b"\r\n")
                            continue
                        recipients.append(whom)
                    elif verb == b"DATA":
                        self.wfile.write(b"354 go on\r\n")
                        lines = []
                        for each in self.rfile:
                            if each == b".\r\n":
                                break
                            lines.append(each[1:] if each.startswith(b".") else each)
                        mails.append((sender, recipients, b"".join(lines)))
                    elif verb == b"QUIT":
                        self.wfile.write(b"221 bye\r\n")
                        return
                    self.wfile.write(b"250 ok\r\n")

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads, allow_reuse_address = True, True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


# What msmtp does with `-t -i`, for machines without it.
SENDMAIL = """#!/usr/bin/env python3
import email, email.policy, email.utils, smtplib, sys
assert sys.argv[1:] == ["-t", "-i"], sys.argv
data = sys.stdin.buffer.read()
mail = email.message_from_bytes(data, policy=email.policy.default)
to = [each[1] for each in email.utils.getaddresses(mail.get_all("To", []) + mail.get_all("Bcc", []))]
with smtplib.SMTP("127.0.0.1", {port}) as server:
    server.sendmail("rbk@example.com", to, data.replace(b"\\n", b"\\r\\n"))
"""


def mail_command(scene, server):
    real = shutil.which("msmtp")
    if real is None:
        print("note    msmtp is not installed: a stand-in takes the mails", flush=True)
        os.chmod(scene.write("sendmail", SENDMAIL.format(port=server.port)), 0o755)
        return scene.path("sendmail")
    os.chmod(scene.write(".msmtprc", f"account default\nhost 127.0.0.1\nport {server.port}\nfrom rbk@example.com\n"), 0o600)
    return real


def mail_goes_through_a_sendmail(scene):
    server = Smtp()
    head = f"""
        title "Small plan"
        channel post = mail.message("dba@example.com, ops@example.com", sender: "rbk@example.com", command: "{mail_command(scene, server)}")
        channel bare = mail.message("bare@example.com", command: "{mail_command(scene, server)}")
        on completed {{ notify bare "done" }}
        on start {{ notify post \"\"\"
            Umzug läuft: ä
            .
            and a line behind a lonely dot
            \"\"\" }}"""
    scene.begin(plan(stage("a", tell("a")), head=head, use="use std.mail")).ends(0)
    scene.until(lambda: len(server.mails) == 2, "two mails")
    by_first = {mail[1][0]: mail for mail in server.mails}
    sender, recipients, data = by_first["dba@example.com"]
    expect(recipients, ["dba@example.com", "ops@example.com"], "the recipients")
    expect(sender, "<rbk@example.com>", "the sender")
    mail = email.message_from_bytes(data, policy=email.policy.default)
    expect(mail["Subject"], "small: Umzug läuft: ä . and a line behind a lonely dot", "the subject")
    expect(mail["From"], "rbk@example.com", "From")
    run = scene.run_id()
    expect(mail["X-Rbk-Run"], run, "the run")
    expect(run in mail["Message-ID"] and run in mail["References"], True, "what keeps mails together")
    text = mail.get_content()
    expect("Umzug läuft: ä" in text and "\n.\n" in text.replace("\r", "") and "lonely dot" in text, True, text)
    expect(by_first["bare@example.com"][1], ["bare@example.com"], "without a sender")


def a_mail_has_no_long_line_and_says_every_word(scene):
    server = Smtp()
    words = "ä=" * 3000 + "\n.\nFrom here on"
    head = f"""
        param words: text
        channel post = mail.message("dba@example.com", command: "{mail_command(scene, server)}")
        on start {{ notify post "${{words}}" }}"""
    scene.begin(plan(stage("a", tell("a")), head=head, use="use std.mail"), "--set", "words=" + words).ends(0)
    scene.until(lambda: server.mails, "a mail")
    data = server.mails[0][2]
    expect([line for line in data.splitlines() if len(line) > 90], [], "long lines")
    expect(all(byte < 128 for byte in data), True, "only ASCII")
    text = email.message_from_bytes(data, policy=email.policy.default).get_content().replace("\r", "")
    expect(text.startswith(words + "\n"), True, text[-300:])


def a_mail_refused_for_good_stands_aside_and_a_busy_server_is_waited_for(scene):
    if shutil.which("msmtp") is None:
        print("note    msmtp is not installed: what it says of a refusal is not tried", flush=True)
        return
    server = Smtp()
    server.refuse = {"gone@example.com": b"550 5.1.1 no such user", "busy@example.com": b"450 4.2.0 try later"}
    command = mail_command(scene, server)
    head = f"""
        channel gone = mail.message("gone@example.com", command: "{command}")
        channel busy = mail.message("busy@example.com", command: "{command}")
        on start {{ notify gone "one" notify busy "one" }}
        on stage {{ notify busy "two" }}"""
    scene.begin(plan(stage("a", tell("a") + hold()), head=head, use="use std.mail"), env={"RBK_TEST_REFUSED_PAUSE_MS": "10"})
    scene.until_traced("a")
    scene.until(lambda: scene.look()["messages"]["aside"], "what stands aside")
    expect(server.tries.count("gone@example.com"), 5, "attempts")
    aside = scene.look()["messages"]["aside"][0]
    expect((aside["channel"], "exit status 65" in aside["reason"], "550 5.1.1 no such user" in aside["reason"]), ("gone", True, True), aside)
    scene.until(lambda: server.tries.count("busy@example.com") > 5, "more attempts than a refused one gets")
    expect([each["channel"] for each in scene.look()["messages"]["unsent"]], ["busy"], "what waits")
    server.refuse.clear()
    scene.until(lambda: server.mails, "the mail")
    expect(server.mails[0][1], ["busy@example.com"], "to whom")
    scene.touch("go")
    scene.ends(0)
    expect([email.message_from_bytes(mail[2])["Subject"] for mail in server.mails], ["small: one", "small: two"], "the order")


def nobody_can_add_a_header_to_a_mail(scene):
    server = Smtp()
    head = f"""
        param whom: text
        param from_whom: text
        param words: text
        channel post = mail.message(whom, sender: from_whom, command: "{mail_command(scene, server)}")
        on start {{ notify post "${{words}}" }}"""
    evil = "\r\nBcc: evil@example.com\r\n\r\nanother body"
    scene.begin(plan(stage("a", tell("a")), head=head, use="use std.mail"), "--set", "whom=dba@example.com",
                "--set", "from_whom=rbk@example.com\nX-Evil: yes", "--set", f"words=hello{evil}").ends(0)
    scene.until(lambda: server.mails, "a mail")
    _, recipients, data = server.mails[0]
    expect(recipients, ["dba@example.com"], "the recipients")
    mail = email.message_from_bytes(data, policy=email.policy.default)
    expect((mail["Bcc"], mail["X-Evil"]), (None, None), "headers nobody wrote")
    expect(mail["Subject"], "small: hello Bcc: evil@example.com another body", "the subject")


def an_address_with_a_line_end_stays_one_header(scene):
    server = Smtp()
    head = f"""
        param whom: text
        channel post = mail.message(whom, command: "{mail_command(scene, server)}")
        on start {{ notify post "hello" }}"""
    scene.begin(plan(stage("a", tell("a")), head=head, use="use std.mail"),
                "--set", "whom=dba@example.com\nBcc: evil@example.com").ends(0)
    scene.until(lambda: server.mails, "a mail")
    mail = email.message_from_bytes(server.mails[0][2])
    expect((mail["Bcc"], mail["To"]), (None, "dba@example.com Bcc: evil@example.com"), "what everybody can see")


# ---- a command --------------------------------------------------------------------------------------

TELLER = """#!/bin/sh
{
    echo "args $#"
    env | grep ^RBK_ | grep -v -e RBK_STORE -e RBK_STDLIB | sort
    cat
    echo .
} >> told.txt
[ -e told.once ] || { touch told.once; exit 7; }
"""


def a_command_gets_the_message_and_its_circumstances(scene):
    os.chmod(scene.write("tell.sh", TELLER), 0o755)
    head = 'channel mine = command.program("./tell.sh")\non stage { notify mine "stage ${stage.title} -- $HOME `id`" }\n'
    scene.begin(plan(stage("a", tell("a")), head=head, use="use std.command")).ends(0)
    text = scene.read("told.txt").decode()
    once, twice = text.split(".\n")[:2]
    expect(once, twice, "the same, when it is called again")
    lines = once.splitlines()
    expect(lines[0], "args 0", "no argument")
    expect(lines[-1], "stage Stage a -- $HOME `id`", "the message")
    values = dict(line.split("=", 1) for line in lines[1:-1])
    expect([values[name] for name in ("RBK_EVENT", "RBK_SEVERITY", "RBK_STAGE", "RBK_PLAN", "RBK_STEP", "RBK_RUN")],
           ["stage", "info", "a", "small", "mine", scene.run_id()], "the environment")
    expect(values["RBK_KEY"].startswith(scene.run_id() + "/"), True, "the key")


# ---- secrets ----------------------------------------------------------------------------------------

SECRET = "s3cret-value-nobody-may-see"


def no_message_and_no_argument_holds_a_secret(scene):
    os.chmod(scene.write("tell.sh", '#!/bin/sh\n{ tr "\\0" "\\n" </proc/$$/cmdline; env; cat; } >> told.txt\n'), 0o755)
    head = HOOK + f"""
        secret password from env "PASSWORD"
        channel mine = command.program("./tell.sh")
        {TURN}
        on stage   {{ notify mine "stage" notify incident "stage" }}
        on abort   {{ notify mine "why: ${{run.reason}}" notify incident "why: ${{run.reason}}" }}"""
    leak = 'shell "echo it is $PW; echo it is $PW >&2; exit 3" env { PW: password } timeout 5s idempotent\n'
    into = 'shell "echo $PW" env { PW: password } into shown timeout 5s idempotent\n'
    scene.begin(plan(stage("a", tell("a") + into + 'notify incident "the word is ${shown}"\n'), stage("b", leak), head=head,
                     use="use std.http\nuse std.command"), env={"HOOK": scene.hook(), "PASSWORD": SECRET}).ends(10)
    told = json.dumps(scene.told()) + scene.read("told.txt").decode()
    expect("the word is" in told and "why:" in told, True, "the messages came")
    expect(SECRET in told, False, "the secret in a message")
    with open(scene.store, "rb") as store:
        expect(SECRET.encode() in store.read(), False, "the secret in the store")


ODD = '''module small.odd

channel to(address: secret, token: secret) {
    http POST address header "Authorization" "Bearer ${token}" json """{ "text": ${message} }""" expect 200 timeout 10s
}
'''


def what_an_endpoint_repeats_of_a_secret_is_shown_nowhere(scene):
    token = "xoxb-0123456789-abcdefghijklmnop"

    def answer(_method, path, headers, _body):
        # The secrets stand where the text is cut.
        return 404, f"{'x' * 215} no page {path} for {headers.get('Authorization')} {'y' * 3000}"
    service = Service(answer)
    os.mkdir(scene.path("small"))
    scene.write("small/odd.rbk", ODD)
    head = 'secret hook from env "HOOK"\nsecret token from env "TOKEN"\nchannel chat = odd.to(hook, token)\non start { notify chat "hello" }'
    scene.begin(plan(stage("a", tell("a")), head=head, use="use small.odd"),
                env={"HOOK": f"{service.url}/services/T0/{token}", "TOKEN": TOKEN, "RBK_TEST_REFUSED_PAUSE_MS": "10"}).ends(0)
    aside = scene.look()["messages"]["aside"]
    expect((len(aside), "no page" in aside[0]["reason"], "[secret]" in aside[0]["reason"]), (1, True, True), aside)
    run = scene.run_id()
    shown = scene.tail() + "".join(scene.run("rbk", *words).out.decode() for words in
                                   (("status", run), ("status", run, "--json"), ("log", run), ("report", run)))
    with open(scene.store, "rb") as store:
        shown += store.read().decode(errors="replace")
    for secret in (token, TOKEN):
        found = [secret[:length] for length in range(6, len(secret) + 1) if secret[:length] in shown]
        expect(found, [], "what is shown of a secret")


CASES = [pagerduty_has_one_incident_for_a_run_and_resolves_it,
         pagerduty_takes_a_message_of_any_length_and_a_stuck_run_is_critical,
         pagerduty_acknowledges_and_resolves_where_a_plan_says_so, statuspage_opens_updates_and_resolves_one_incident,
         an_incident_is_opened_once_although_its_runner_died_with_the_answer,
         an_incident_is_opened_once_although_its_runner_died_before_the_answer,
         a_page_that_lists_more_than_is_kept_is_asked_again, statuspage_says_nothing_of_a_run_without_trouble, what_a_channel_keeps_outlives_its_runner,
         a_webhook_carries_what_a_reader_needs, slack_gets_what_its_webhooks_take, mail_goes_through_a_sendmail,
         a_mail_has_no_long_line_and_says_every_word, a_mail_refused_for_good_stands_aside_and_a_busy_server_is_waited_for, nobody_can_add_a_header_to_a_mail, an_address_with_a_line_end_stays_one_header,
         a_command_gets_the_message_and_its_circumstances, what_an_endpoint_repeats_of_a_secret_is_shown_nowhere, no_message_and_no_argument_holds_a_secret]

if __name__ == "__main__":
    play(CASES)
