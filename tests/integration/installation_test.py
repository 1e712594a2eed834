#!/usr/bin/env python3
"""A part of the installation that is missing, cut, of another version, or whose libraries are not what they
were: `rbk` says so, ends with 1, and nothing has begun.

    installation_test.py [--keep] [CASE...]
"""

import os
import re
import shutil
import signal
import subprocess

from box import BIN, check, main
from world import wait_for

PLAN = """plan small {{
    {head}
    stage only "The only one" {{
        unwatched because "nobody uses it"
        apply within 1m {{
            shell "echo begun >> trace" timeout 5s idempotent
            wait until file.exists("go") every 20ms timeout 30s
            {step}
        }}
        verify within 10s {{ check "the trace is there" file.exists("trace") }}
        rollback within 30s {{
            run "rm -f trace" timeout 5s idempotent
            verify {{ check "the trace is gone" not file.exists("trace") }}
        }}
    }}
}}
"""
WEB = PLAN.format(head="", step='http GET "http://127.0.0.1:1/" expect 200 timeout 2s')
BASE = PLAN.format(head='connection db = postgres("postgresql://nobody@127.0.0.1:1/none")',
                   step='run "true" using db timeout 2s idempotent')
HTTP, POSTGRES = "rbk-driver-http.so", "rbk-driver-postgres.so"


def rbk(box, *words, env=None):
    """A command of the box's own installation; its status and what it says."""
    done = subprocess.run([box.path("bin/rbk"), *words], cwd=box.folder, env={**box.env, **(env or {})},
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30,
                          check=False)
    return done.returncode, done.stdout.decode()


def install(box, plan):
    shutil.copytree(BIN, box.path("bin"), symlinks=True)
    box.write("plan.rbk", plan)


def nothing_begins(box, says, env=None):
    """A run that is refused, and leaves nothing anywhere."""
    status, text = rbk(box, "run", "plan.rbk", "--no-wait", env=env)
    check(status == 1 and re.search(says, text) and "starts as run" not in text, f"{status}: {text}")
    check(not os.path.exists(box.path("trace")), f"a step was carried out: {text}")
    check(not os.path.exists(box.store) or not box.query("SELECT 1 FROM runs"), f"a run was left: {text}")


def a_missing_module_refuses_the_run(box):
    install(box, WEB)
    os.unlink(box.path("bin/" + HTTP))
    nothing_begins(box, "cannot be loaded: .*http.*install rbk")
    box.write("plan.rbk", BASE)  # needed for the environment of a command alone
    os.unlink(box.path("bin/" + POSTGRES))
    nothing_begins(box, "cannot be loaded: .*postgres.*install rbk")


def a_damaged_module_refuses_the_run(box):
    install(box, WEB)
    whole = box.read("bin/" + HTTP)
    for bytes_left in (0, 10, 64, 1000, 4096, len(whole) // 2, len(whole) - 1):
        box.write("bin/" + HTTP, whole[:bytes_left])
        nothing_begins(box, "damaged: .*http.*install rbk")
    box.write("bin/" + HTTP, b"#!/bin/sh\n" * 1000)
    nothing_begins(box, "damaged: .*http.*install rbk")
    os.unlink(box.path("bin/" + HTTP))
    os.mkfifo(box.path("bin/" + HTTP))
    nothing_begins(box, "damaged: .*http.*install rbk")


def a_module_of_another_version_refuses_the_run(box):
    install(box, WEB)
    version = rbk(box, "--version")[1].split()[1].encode()
    whole = box.read("bin/" + HTTP)
    box.write("bin/" + HTTP, whole.replace(b"\0" + version + b"\0", b"\0" + b"9" * len(version) + b"\0"))
    nothing_begins(box, "is not that of rbk")
    shutil.copy(box.path("bin/" + POSTGRES), box.path("bin/" + HTTP))
    nothing_begins(box, "is not that of rbk")


def a_library_without_what_is_called_refuses_the_run(box):
    install(box, BASE)
    linked = subprocess.run(["ldd", box.path("bin/rbk")], stdout=subprocess.PIPE, check=True).stdout.decode()
    os.mkdir(box.path("lib"))
    shutil.copy(re.search(r"=> (/\S*libjansson\S*)", linked)[1], box.path("lib/libpq.so.5"))
    nothing_begins(box, "cannot be loaded: .*install rbk", {"LD_LIBRARY_PATH": box.path("lib")})


def a_resume_without_its_module_changes_nothing(box):
    install(box, BASE)
    runner = subprocess.Popen([box.path("bin/rbk"), "run", "plan.rbk", "--no-wait"], cwd=box.folder, env=box.env,
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: os.path.exists(box.path("trace")), what="the first step")
    runner.send_signal(signal.SIGKILL)
    runner.wait()
    before = box.query("SELECT * FROM events")
    os.rename(box.path("bin/" + POSTGRES), box.path("aside.so"))
    status, text = rbk(box, "resume", "--no-wait")
    check(status == 1 and "cannot be loaded" in text, f"{status}: {text}")
    check(box.query("SELECT * FROM events") == before, "the journal has grown")
    os.rename(box.path("aside.so"), box.path("bin/" + POSTGRES))
    box.write("go", "")
    status, text = rbk(box, "resume", "--no-wait")
    check(status == 0 and box.read("trace") == b"begun\n", f"{status}: {text}")


if __name__ == "__main__":
    main([a_missing_module_refuses_the_run, a_damaged_module_refuses_the_run,
          a_module_of_another_version_refuses_the_run, a_library_without_what_is_called_refuses_the_run,
          a_resume_without_its_module_changes_nothing])

