"""A server of a box's store and a small client for it: raw sockets where a test is to be rude, http.client where
it is polite. Every answer that the client gets is held against docs/openapi.json.
"""

import http.client
import json
import os
import re
import signal
import socket
import ssl
import time

import jsonschema

from box import BIN, SOURCE, check

WAIT_S = 20

with open(os.path.join(SOURCE, "docs", "openapi.json")) as file:
    OPENAPI = json.load(file)


def until(holds, what, seconds=WAIT_S):
    """Wait until something holds, a bounded time; gives what it gave."""
    end = time.monotonic() + seconds
    while True:
        got = holds()
        if got:
            return got
        check(time.monotonic() < end, f"not within {seconds} s: {what}")
        time.sleep(0.02)


def resolved(part):
    """A part of the description behind its $ref."""
    while "$ref" in part:
        at = OPENAPI
        for key in part["$ref"].removeprefix("#/").split("/"):
            at = at[key]
        part = at
    return part


def operation(method, path):
    """The operation of a path that is asked for, or None."""
    for template, item in OPENAPI["paths"].items():
        pattern = re.sub(r"\\\{[a-z]+\\\}", "[^/]+", re.escape(template))
        if re.fullmatch(pattern, path) and method.lower() in item:
            return item[method.lower()]
    return None


def check_answer(method, path, answer):
    """An answer is one that the description has: its status, its type, its body."""
    found = operation("GET" if method == "HEAD" else method, path.split("?")[0])
    if found is None:
        check(answer.status in (404, 405, 421, 401, 503), f"{method} {path}: {answer}")
        return
    responses = found["responses"]
    check(str(answer.status) in responses, f"{method} {path}: {answer.status} is not described: {answer}")
    content = resolved(responses[str(answer.status)]).get("content", {})
    if not answer.body or method == "HEAD":
        return
    kind = answer.headers.get("Content-Type", "").split(";")[0]
    check(kind in content, f"{method} {path} {answer.status}: type {kind} is not described")
    if kind.endswith("json") and "schema" in content[kind]:
        schema = {**content[kind]["schema"], "components": OPENAPI["components"]}
        validator = jsonschema.Draft202012Validator(schema)
        errors = sorted(validator.iter_errors(answer.json()), key=str)
        check(not errors, f"{method} {path} {answer.status}: {errors[:3]}")


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def __str__(self):
        return f"{self.status} {dict(self.headers)} {self.body[:800]!r}"


class Server:
    """`rbk serve` on a free port. Ends with the block."""

    def __init__(self, box, *words, listen="127.0.0.1:0", env=None, preexec=None, stderr=None):
        self.box = box
        self.process = box.start("rbk", "serve", "--listen", listen, *words, env=env, preexec_fn=preexec,
                                 stderr=open(box.path("serve.err"), "ab") if stderr is None else stderr)
        line = self.process.stdout.readline().decode()
        found = re.search(r"(https?)://(\S+):(\d+)/", line)
        if not found:
            self.process.wait(10)
            check(False, f"it does not listen: {line!r} {self.log()!r}")
        self.tls = found[1] == "https"
        self.host, self.port = found[2], int(found[3])
        self.context = None

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.end()

    def end(self, number=signal.SIGTERM, status=0):
        if self.process.poll() is None:
            self.process.send_signal(number)
        got = self.process.wait(15)
        self.process.stdout.close()
        check(got == status, f"rbk serve ended with {got}: {self.log()!r}")

    def log(self):
        return self.box.read("serve.err")[-2000:] if os.path.exists(self.box.path("serve.err")) else b""

    def connect(self, timeout=10):
        return socket.create_connection((self.host, self.port), timeout=timeout)

    def ask(self, method, path, body=None, token=None, headers=None, described=True, timeout=15):
        """One request on a connection of its own."""
        if self.tls:
            connection = http.client.HTTPSConnection(self.host, self.port, timeout=timeout, context=self.context)
        else:
            connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        sent = dict(headers or {})
        if token:
            sent["Authorization"] = f"Bearer {token}"
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if body is not None and "Content-Type" not in sent:
            sent["Content-Type"] = "application/json"
        try:
            connection.request(method, path, body=body, headers=sent)
            got = connection.getresponse()
            answer = Answer(got.status, got.headers, got.read())
        finally:
            connection.close()
        if described:
            check_answer(method, path, answer)
        return answer

    def raw(self, data, seconds=10):
        """Send bytes as they are, and read until the other side closes or falls silent."""
        with self.connect(seconds) as link:
            got = b""
            try:
                link.sendall(data)
            except OSError:
                pass  # it has answered, or closed, before it had all
            try:
                while part := link.recv(65536):
                    got += part
            except OSError:
                pass
            return got


class Client:
    """A server seen with one token."""

    def __init__(self, server, token):
        self.server, self.token = server, token

    def get(self, path, status=200, **more):
        answer = self.server.ask("GET", path, token=self.token, **more)
        check(answer.status == status, f"GET {path}: {answer}")
        return answer.json() if answer.body and "json" in answer.headers.get("Content-Type", "") else answer

    def post(self, path, body, status=200, **more):
        answer = self.server.ask("POST", path, body, token=self.token, **more)
        check(answer.status == status, f"POST {path}: {answer}")
        return answer.json()


class Stream:
    """Server-sent events as they come."""

    def __init__(self, server, path, token, headers=None):
        self.link = server.connect()
        if server.tls:
            self.link = server.context.wrap_socket(self.link, server_hostname=server.host)
        lines = [f"GET {path} HTTP/1.1", f"Host: localhost:{server.port}", f"Authorization: Bearer {token}",
                 *[f"{name}: {value}" for name, value in (headers or {}).items()], "", ""]
        self.link.sendall("\r\n".join(lines).encode())
        self.file = self.link.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        self.headers = {}
        while (line := self.file.readline().strip()):
            name, value = line.decode().split(":", 1)
            self.headers[name.lower()] = value.strip()
        self.ended = False
        self.text = b""

    def more(self):
        """One chunk of the body; False at its end."""
        size = int(self.file.readline().strip() or b"0", 16)
        self.text += self.file.read(size)
        self.file.readline()
        self.ended = size == 0
        return not self.ended

    def events(self):
        """Those that have come whole so far: [(id or None, event, data)]."""
        found = []
        for block in self.text.decode().split("\n\n")[:-1]:
            fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line and line[0] != ":")
            if "event" in fields:
                found.append((int(fields["id"]) if "id" in fields else None, fields["event"],
                              json.loads(fields["data"])))
        return found

    def until(self, holds, what):
        """Read until the events fulfil something."""
        end = time.monotonic() + WAIT_S
        while not (got := holds(self.events())):
            check(self.more(), f"the stream ended before: {what}: {self.text[-500:]!r}")
            check(time.monotonic() < end, f"not in {WAIT_S} s: {what}: {self.text[-500:]!r}")
        return got

    def until_end(self):
        """Read until the server ends the stream, which must be soon."""
        end = time.monotonic() + WAIT_S
        while self.more():
            check(time.monotonic() < end, f"the stream does not end: {self.text[-300:]!r}")

    def close(self):
        self.file.close()
        self.link.close()


def token_of(box, *words, person="alice"):
    done = box.run("rbk", "token", "create", "--person", person, *words)
    check(done.status == 0 and done.out.startswith(b"rbk_"), done)
    return done.out.decode().strip()


def tls_files(box, name="localhost"):
    """A certificate of its own, made by openssl."""
    import subprocess
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-keyout", box.path("key.pem"), "-out", box.path("cert.pem"), "-days", "2", "-subj", f"/CN={name}",
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"], check=True, capture_output=True)
    return box.path("cert.pem"), box.path("key.pem")


def context_of(cert):
    context = ssl.create_default_context(cafile=cert)
    return context


__all__ = ["BIN", "OPENAPI", "Answer", "Client", "Server", "Stream", "check", "context_of", "operation", "resolved",
           "tls_files", "token_of", "until"]
