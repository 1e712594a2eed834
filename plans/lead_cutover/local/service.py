#!/usr/bin/env python3
"""Stand-in for the API, Prometheus' query API and the chat webhook, on one loopback port.

    service.py PORT_FILE CLUSTER_FOLDER

The port it got is written to PORT_FILE. /health answers 200 and "healthy" while the deployment in
CLUSTER_FOLDER (see kubectl beside this file) has replicas, else 503. PUT /control {"name": value} sets
what the others answer: health (status), error_rate, p99 (number, or null for no sample), slack (status),
and "hang": list of paths that never answer. GET /messages lists what the webhook got.
"""

import json
import os
import sys
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

control = {"health": None, "error_rate": 0.0002, "p99": 0.08, "slack": 200, "hang": []}
messages = []
closing = threading.Event()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def hangs(self, path):
        if path in control["hang"]:
            closing.wait(3600)
            self.close_connection = True
            return True
        return False

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        if self.hangs(url.path):
            return
        if url.path == "/health":
            with open(os.path.join(sys.argv[2], "deployments", "intelliflow-api")) as file:
                replicas = int(file.read() or 0)
            status = control["health"] or (200 if replicas > 0 else 503)
            self.answer(status, {"status": "healthy" if status == 200 else "unhealthy"})
        elif url.path == "/api/v1/query":
            query = urllib.parse.parse_qs(url.query)["query"][0]
            value = control["error_rate" if "errors" in query else "p99"]
            result = [] if value is None else [{"metric": {}, "value": [0, str(value)]}]
            self.answer(200, {"status": "success", "data": {"resultType": "vector", "result": result}})
        elif url.path == "/messages":
            self.answer(200, messages)
        elif url.path.startswith("/slack"):
            self.answer(control["slack"], {})
        else:
            self.answer(404, {})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        url = urllib.parse.urlsplit(self.path)
        if self.hangs(url.path):
            return
        if control["slack"] == 200:
            messages.append({"key": self.headers.get("Idempotency-Key"), **json.loads(body)})
        self.answer(control["slack"], {})

    def do_PUT(self):
        control.update(json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0)))))
        self.answer(200, control)


class Server(ThreadingHTTPServer):
    def handle_error(self, *_):
        pass  # a client that goes away is no news


server = Server(("127.0.0.1", 0), Handler)
server.daemon_threads = True
with open(sys.argv[1] + ".new", "w") as port_file:
    port_file.write(str(server.server_address[1]))
os.rename(sys.argv[1] + ".new", sys.argv[1])
server.serve_forever()
