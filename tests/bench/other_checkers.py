"""`rbkc check` beside the checkers people know, on generated files of equal length, in one run: `promtool check
rules`, `nginx -t` and `ansible-playbook --syntax-check`. They check other things, so the ratios say what a reviewer
is used to waiting for, not who is better; none of them is a bound."""

import os
import shutil
import statistics
import subprocess
import time

LINES = 10_000
ROUNDS = 5
ROUNDS_OF_THE_SLOW = 2


def rules(lines):
    """Alerting rules, five lines each."""
    out = ["groups:", "- name: generated", "  rules:"]
    number = 0
    while len(out) + 5 <= lines:
        number += 1
        out += [f"  - alert: alert_{number}", f"    expr: rate(errors_total{{job=\"j{number}\"}}[5m]) > 0.05",
                "    for: 2m", "    labels:", "      severity: page"]
    return "\n".join(out + ["# the rest"] * (lines - len(out))) + "\n"


def server(lines, folder):
    """Locations, four lines each."""
    head = [f"pid {folder}/nginx.pid;", f"error_log {folder}/error.log;", "events { }", "http {",
            "    access_log off;", "    server {", "        listen 127.0.0.1:1;"]
    out = list(head)
    number = 0
    while len(out) + 4 <= lines - 2:
        number += 1
        out += [f"        location /path_{number} {{", "            proxy_read_timeout 30s;",
                f"            return 301 /other_{number};", "        }"]
    out += ["    # the rest"] * (lines - 2 - len(out))
    return "\n".join(out + ["    }", "}"]) + "\n"


def playbook(lines):
    """Tasks, four lines each."""
    out = ["- hosts: localhost", "  gather_facts: false", "  tasks:"]
    number = 0
    while len(out) + 4 <= lines:
        number += 1
        out += [f"  - name: task {number}", "    ansible.builtin.command:", f"      cmd: /bin/true {number}",
                "    changed_when: false"]
    return "\n".join(out + ["# the rest"] * (lines - len(out))) + "\n"


def seconds(words, folder):
    begin = time.monotonic()
    done = subprocess.run(words, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env={**os.environ, "ANSIBLE_LOCALHOST_WARNING": "False", "HOME": folder})
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(words)} ended with {done.returncode}:\n{done.stdout.decode()[-2000:]}")
    return time.monotonic() - begin


def compare(rbkc, folder, long_plan):
    """Print lines per second of each, and rbkc's as a multiple. What is not installed is named as left out."""
    plan = long_plan(LINES - 100)
    plan += "# the rest\n" * (LINES - plan.count("\n"))
    files = {"plan.rbk": plan, "rules.yml": rules(LINES), "nginx.conf": server(LINES, folder),
             "playbook.yml": playbook(LINES)}
    for name, text in files.items():
        assert text.count("\n") == LINES, (name, text.count("\n"))
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)
    path = os.environ["PATH"] + ":/usr/sbin"
    others = {
        "promtool check rules": (["promtool", "check", "rules", "rules.yml"], ROUNDS),
        "nginx -t": (["nginx", "-t", "-q", "-p", folder, "-c", os.path.join(folder, "nginx.conf"), "-e",
                      os.path.join(folder, "error.log")], ROUNDS),
        "ansible-playbook --syntax-check": (["ansible-playbook", "--syntax-check", "-i", "localhost,", "playbook.yml"],
                                            ROUNDS_OF_THE_SLOW),
    }
    own = [rbkc, "check", "--no-explore", "plan.rbk"]
    for name, (words, rounds) in others.items():
        program = shutil.which(words[0], path=path)
        if not program:
            print(f"{name:<58} not installed: left out", flush=True)
            continue
        pairs = [(seconds(own, folder), seconds([program, *words[1:]], folder)) for _ in range(rounds)]
        ours, theirs = (statistics.median(pair[side] for pair in pairs) for side in (0, 1))
        print(f"{'rbkc check over ' + name + ', 10,000 lines':<58} {theirs / ours:>10.1f} x"
              f"        {LINES / ours / 1000:.0f} and {LINES / theirs / 1000:.1f} thousand lines/s", flush=True)
