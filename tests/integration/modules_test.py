#!/usr/bin/env python3
"""Every action, reading and channel of the standard library, run for real: PostgreSQL, Redis, files, HTTP and
Prometheus (the real program where it is installed, else the service that stands in for it) are what they are;
Kubernetes and systemd are small commands in PATH that keep their state in files, written below.

    modules_test.py [--keep] [CASE...]
"""

import json
import os
import shutil
import subprocess
import urllib.parse
import urllib.request

from scene import HOOK, expect, plan, play, stage, tell, wait_for
from world import free_port

FAIL = 'run "false" timeout 5s idempotent\n'

# A cluster of one deployment: `state` beside it holds its replicas, revision and image.
KUBECTL = r'''#!/usr/bin/env python3
import json, os, sys
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "state")
state = json.load(open(path))
words = sys.argv[1:]
def option(name):
    return next((word.split("=", 1)[1] for word in words if word.startswith(name + "=")), None)
with open(path + ".log", "a") as log:
    log.write(" ".join(words) + "\n")
if "-n" not in words or words[words.index("-n") + 1] != state["namespace"] or not any("web" in w for w in words):
    sys.exit("Error from server (NotFound)")
if words[0] == "scale":
    state["replicas"] = int(option("--replicas"))
elif words[:2] == ["rollout", "undo"]:
    state["revision"] = int(option("--to-revision") or state["revision"] - 1)
elif words[0] == "wait":
    sys.exit(0 if option("--for") == "condition=Available" and state["replicas"] > 0 else "timed out")
elif words[0] == "get" and "json" in words:
    print(json.dumps({"metadata": {"annotations": {"deployment.kubernetes.io/revision": str(state["revision"])}},
                      "spec": {"replicas": state["replicas"],
                               "template": {"spec": {"containers": [{"image": "web:%d" % state["revision"]}]}}},
                      "status": {"readyReplicas": state["replicas"]} if state["replicas"] else {}}))
elif words[0] == "get":
    print(state["replicas"], end="")
json.dump(state, open(path + ".new", "w"))
os.rename(path + ".new", path)
'''

# A systemd whose units are files: `UNIT` exists beside it while the unit is active.
SYSTEMCTL = r'''#!/bin/sh
here=$(dirname "$0")
echo "$*" >>"$here/systemctl.log"
verb=$1
for unit; do :; done
case $verb in
start | restart) touch "$here/unit-$unit" ;;
stop) rm -f "$here/unit-$unit" ;;
is-active) test -e "$here/unit-$unit" || exit 3 ;;
*) exit 1 ;;
esac
'''


def command(scene, name, text):
    os.makedirs(scene.path("bin"), exist_ok=True)
    os.chmod(scene.write(f"bin/{name}", text), 0o755)
    scene.env["PATH"] = scene.path("bin") + ":" + scene.env["PATH"]


def readings(*pairs):
    return "".join(f'check "reading {i}" {text} timeout 10s\n' for i, text in enumerate(pairs))


# ---- PostgreSQL -------------------------------------------------------------------------------------

def postgres_dump_and_restore(scene):
    db = scene.database()
    scene.sql("CREATE TABLE t (v int); INSERT INTO t SELECT generate_series(1, 42)")
    scene.begin(plan(stage("a", tell("a") + 'sql db "DELETE FROM t WHERE v > 2; CREATE TABLE extra (v int)" timeout 5s\n'
                           + FAIL, rollback="restore copy\n" + readings('pg.count(db, "t") == 42'),
                           more="prepare within 7m { take copy }", back="9m"), use="use std.postgres as pg", head=f"""
        connection db = postgres("{db}")
        backup copy {{
            let file = "copy.dump"
            take within 6m {{ do pg.dump(db, file) }}
            verify within 20s {{ check "readable" run.exit("pg_restore --list ${{file}}") == 0 timeout 10s }}
            restore within 6m {{ do pg.restore(db, file) }}
        }}""")).ends(30, "held")
    expect(scene.sql("SELECT count(*), sum(v) FROM t"), "42|903", "the rows")


def postgres_dump_is_taken_back(scene):
    db = scene.database()
    scene.begin(plan(stage("a", 'do pg.dump(db, "x.dump")\n' + 'check "dumped" file.exists("x.dump") timeout 5s\n'
                           + FAIL, rollback='undo\nshell "echo a >> trace" timeout 5s idempotent', within="6m"),
                     use="use std.postgres as pg", head=f'connection db = postgres("{db}")')).ends(30, "held")
    expect(os.path.exists(scene.path("x.dump")), False, "the dump")


def postgres_readings(scene):
    db = scene.database()
    scene.sql("CREATE TABLE t (v int); INSERT INTO t SELECT generate_series(1, 42); ANALYZE t")
    scene.sql('CREATE SCHEMA "Odd one"; CREATE TABLE "Odd one"."t 2" (v int)')
    asleep = subprocess.Popen(["psql", "-X", "-h", "127.0.0.1", "-p", str(scene.world.pg_port), "-U", "postgres", "-d",
                               scene.name, "-c", "BEGIN", "-c", "SELECT pg_sleep(30)"], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    try:
        scene.begin(plan(stage("a", tell("a") + readings(
            'pg.count(db, "t") == 42', 'pg.estimated_count(db, "t") == 42', 'pg.exists(db, "t")',
            'pg.count(db, \'"Odd one"."t 2"\') == 0', 'not pg.exists(db, "nowhere")',
            'pg.replication_lag(db) == 0B')
            + 'wait until pg.longest_transaction(db) >= 1s every 200ms timeout 20s\n'
            + readings('pg.longest_transaction(db) < 1h')
            + tell("read") + readings('pg.count(db, "nowhere") == 0')), use="use std.postgres as pg",
            head=f'connection db = postgres("{db}")')).ends(30, "held")
    finally:
        asleep.kill()
        asleep.wait()
    scene.trace("a", "read", "back_a")


# ---- Redis ------------------------------------------------------------------------------------------

def redis_set_and_back(scene):
    n = scene.name
    scene.world.redis("SET", f"{n}:old", "be fore")
    scene.begin(plan(stage("a", f"""
        do redis.set(cache, "{n}:old", "after 1")
        do redis.set(cache, "{n}:new", "after 2")
        """ + readings(f'redis.get(cache, "{n}:old") == "after 1"', f'redis.exists(cache, "{n}:new")',
                       f'not redis.exists(cache, "{n}:never")', 'redis.size(cache) >= 2') + FAIL,
        rollback='undo\n' + tell("back")), use="use std.redis",
        head=f'connection cache = redis("{scene.cache()}")')).ends(30, "held")
    expect(scene.world.redis("GET", f"{n}:old"), "be fore", "the key that was there")
    expect(scene.world.redis("EXISTS", f"{n}:new"), "0", "the key that was not")
    expect('reading 3" ok' in scene.tail(), True, scene.tail())


# ---- files ------------------------------------------------------------------------------------------

def files_switch_replace_and_touch(scene):
    for name, text in (("v1", ""), ("v2", ""), ("conf", "old"), ("conf.new", "new")):
        scene.write(name, text)
    os.chmod(scene.path("conf"), 0o640)
    os.symlink("v1", scene.path("current"))
    steps = """
        do files.switch("current", "v2")
        do files.replace("conf", "conf.new")
        do files.touch("marker")
        """ + readings('files.link_target("current") == "v2"', 'file.exists("marker")',
                       'file.sha256("conf") == file.sha256("conf.new")')
    scene.begin(plan(stage("a", steps + FAIL, rollback="undo\n" + tell("back"), within="4m", back="3m"),
                     use="use std.files")).ends(30, "held")
    expect('reading 2" ok' in scene.tail(), True, scene.tail())
    expect(os.readlink(scene.path("current")), "v1", "the link")
    scene.holds("conf", "old")
    expect(os.stat(scene.path("conf")).st_mode & 0o777, 0o640, "the mode of the file")
    expect([name for name in ("marker", "conf.before") if os.path.exists(scene.path(name))], [], "what is left")


# ---- HTTP, chat, Prometheus -------------------------------------------------------------------------

def http_readings_and_webhooks(scene):
    url = scene.web.url
    address = f"{url}/state/{scene.name}"
    scene.begin(plan(stage("a", tell("a") + f"""
        http PUT "{address}" body '{{ "mode": "dark" }}' timeout 5s idempotent
        """ + readings(f'http.ok("{address}")', f'not http.ok("{url}/status/503")',
                       f'http.field("{address}", \'.mode\') == "dark"', f'http.latency("{address}") < 5s')
        + 'notify incident "web \\"hook\\""\nnotify chat "to slack"\n'),
        use="use std.http\nuse std.slack", head=HOOK + "channel chat = slack.webhook(hook)"),
        env={"HOOK": scene.hook()}).ends(0)
    scene.until(lambda: len(scene.told()) == 2, "both messages")
    told = {each.get("message") or each["text"]: each for each in scene.told()}
    expect({"key", "message", "run", "stage", "status", "link"} - set(told['web "hook"']), set(), "fields that are missing")
    expect(told["to slack"]["text"], "to slack", "Slack's message")
    expect(told['web "hook"']["stage"], "a", "the stage")


def prometheus_readings(scene):
    if shutil.which("prometheus") is None:
        queries, address, server = ("p99", "errors", "p99", "p99", None), scene.world.service, None
        wanted = ("0.08", "0.02%", "80ms", "0B")
    else:
        port = free_port()
        address, queries = f"http://127.0.0.1:{port}", ("vector(7.5)", "vector(0.05)", "vector(0.4)", "vector(1073741824)",
                                                        "vector(0)/0")
        wanted = ("7.5", "5%", "400ms", "1GiB")
        scene.write("prometheus.yml", "global: {}\n")
        server = subprocess.Popen(
            ["prometheus", "--config.file=prometheus.yml", f"--web.listen-address=127.0.0.1:{port}",
             "--storage.tsdb.path=tsdb"], cwd=scene.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def ready():
        try:
            question = urllib.parse.quote(queries[0])
            with urllib.request.urlopen(f"{address}/api/v1/query?query={question}", timeout=5) as answer:
                return json.load(answer)["status"] == "success"
        except OSError:
            return False

    try:
        wait_for(ready, 30, "prometheus")
        kinds = ("value", "ratio", "seconds", "bytes")
        pairs = list(zip(kinds, queries, wanted))[:4 if server else 3]
        scene.begin(plan(stage("a", tell("a") + readings(
            *(f"prom.{kind}(\"{address}\", '{query}') == {value}" for kind, query, value in pairs)) + tell("read")
            + readings(*((f"prom.seconds(\"{address}\", 'vector(0.00001)') == 0s",
                          f"prom.seconds(\"{address}\", 'nothing_of_that_name') ?? 5s == 5s") if server else ()))
            + readings(f"prom.value(\"{address}\", '{queries[4] or queries[0]}') == 1.0")),
            use="use std.prometheus as prom")).ends(30, "held")
        scene.trace("a", "read", "back_a")
    finally:
        if server is not None:
            server.terminate()
            server.wait(20)


# ---- Kubernetes, systemd ----------------------------------------------------------------------------

def kubernetes(scene):
    command(scene, "kubectl", KUBECTL)
    before = {"namespace": "shop", "replicas": 3, "revision": 7}
    scene.write("bin/state", json.dumps(before))
    scene.begin(plan(stage("a", """
        do k8s.wait("deployment/web", "condition=Available", namespace: "shop")
        do k8s.scale("web", replicas: 0, namespace: "shop")
        do k8s.rollout_undo("web", namespace: "shop")
        """ + readings('k8s.ready_replicas("web", namespace: "shop") == 0', 'k8s.replicas("web", "shop") == 0',
                       'k8s.image("web", "shop") == "web:6"') + tell("a")
        + 'do k8s.scale("web", replicas: 5, namespace: "shop")\n'
        + readings('k8s.ready_replicas("web", "shop") == 5') + FAIL,
        rollback="undo\n" + tell("back"), within="10m").replace("within 40s", "within 10m"),
        use="use std.kubernetes as k8s").replace("rollback within 10m", "rollback within 30m", 1)).ends(30, "held")
    scene.trace("a", "back")
    expect(json.loads(scene.read("bin/state")), before, "the cluster")
    log = scene.read("bin/state.log").decode()
    expect("rollout undo deployment/web -n shop --to-revision=7" in log, True, log)


def systemd(scene):
    command(scene, "systemctl", SYSTEMCTL)
    scene.write("bin/unit-runs", "")
    scene.begin(plan(stage("a", """
        do systemd.start("new")
        do systemd.start("runs")
        do systemd.stop("runs")
        do systemd.stop("off")
        do systemd.restart("other")
        """ + readings('systemd.active("new")', 'not systemd.active("runs")') + tell("a") + FAIL,
        rollback="undo\n" + tell("back"), within="20m").replace("within 40s", "within 20m"),
        use="use std.systemd").replace("rollback within 10m", "rollback within 50m", 1)).ends(30, "held")
    scene.trace("a", "back")
    units = sorted(name for name in os.listdir(scene.path("bin")) if name.startswith("unit-"))
    expect(units, ["unit-other", "unit-runs"], "the units that are active")
    log = [line for line in scene.read("bin/systemctl.log").decode().splitlines() if not line.startswith("is-")]
    expect(log, ["start -- new", "start -- runs", "stop -- runs", "stop -- off", "restart -- other",
                 "restart -- other", "start -- runs", "stop -- new"], "what was asked of systemd")


CASES = [postgres_dump_and_restore, postgres_dump_is_taken_back, postgres_readings, redis_set_and_back,
         files_switch_replace_and_touch, http_readings_and_webhooks, prometheus_readings, kubernetes, systemd]

if __name__ == "__main__":
    play(CASES)
