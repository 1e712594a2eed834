#!/usr/bin/python3
"""RBK129: what `rbkc check` says of jq filters is what rbk-filter-worker says when it runs them, and no filter
hurts rbkc; one worker for all plans of a command line, none for plans without filters; whoever answers nothing,
or nonsense, is not waited for (filter_judge_test.c: nor who never answers).

RBK_BIN is the folder of rbkc and rbk-filter-worker."""

import json
import os
import resource
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.environ["RBK_BIN"]
ENVIRONMENT = {**os.environ, "RBK_STDLIB": os.path.join(ROOT, "stdlib"), "LC_ALL": "C", "NO_COLOR": "1",
               "FILTER_TEST_SECRET": "visible"}

# runtime/core/filter_protocol.h
APPLY, COMPILE = 0, 1
SCALAR, JSON, MISSING, FAILED, INVALID, COMPILES, ENDED = range(7)
DOCUMENT = b'{"a": [1, 2, 3], "b": {"c": "x"}, "status": "ok", "items": [{"name": "n", "rows": 7}]}'

GOOD = [
    "", ".", ".a", ".a[0]", ".a[1:]", ".b.c", '.["b"]', '."b"', ".a | length", ".nosuch", ".nosuch // 0", "..", "empty",
    ".items[] | select(.name == \"n\") | .rows", "[.items[].rows] | add", ".a | map(. + 1)", "def f: .a; f", "def f: 1;",
    "def f(x): x + 1; f(.a[0])", "(.a) , (.b)", "if .status == \"ok\" then 1 else 0 end", "try error(\"x\") catch .",
    "reduce .a[] as $x (0; . + $x)", ". as {a: $x} | $x", "label $out | 1, break $out", '"\\(.a | length) of \\(.b)"',
    '"a)b(c"', '"]"', ".a # a comment )", "# only a comment", '"\\u0000"', '@base64 "x\\(.status)"', "$ENV", "env",
    "$ENV.FILTER_TEST_SECRET", "env | length", "input_filename", "input", "now | type", "error", "{a: 1}",
    "[limit(3; repeat(1))]", "ascii_downcase", ".status | test(\"o\")", "$__loc__", "1e1000", "-1", ".a\n|\n.[0]",
    ".a?", "..|numbers", "getpath([\"b\", \"c\"])", "\"ü\"", '"#"', '"\\"("', "debug", "halt_error", "tojson",
    "modulemeta", "[" * 60 + "1" + "]" * 60, "[" * 70 + "1" + "]" * 70, "[.[]|(.a?)]", "@json",
    "@nosuch", "def f: nosuch; 1",
]
BAD = [
    ".[", "]", ")", ".a)", "(.a", "1) | (2", "1), (2", "[1", "{a:", "nosuch", "nosuch(1)", "length(1)", "$x", ".a |",
    "| .a", ".a .b .", "if 1 then 2", "if 1 then 2 end end", "reduce .a", "def f: 1", '"', '"\\(1"',
    '"\\q"', "'a'", "a b", "1 2", ".a[", "try", "break $out", "import \"a\" as a; .", "include \"x\"; .",
    "import \"a\" as $a; .", "  # first\n import \"a\" as a; a::f", "module {}; .", "a::f", "%", "^", ".a ++ .b", "and", "as $x",
    "\\", "0x", "(1]", "[1)", "\"a\" \"b\"", "; .", ".;", "reduce " * 100, "1 / 0",
]
# What libjq compiles and does not live to run, or what ends, or takes its time, when it is compiled.
HOSTILE = [
    "[" * 100000, "[" * 3000 + "]" * 3000, '"x" * 1000000000', "[limit(1e9; repeat(1))]", ".a|" * 40000 + ".",
    "." + "?" * 15000, "-" * 50000 + "1", '"' + "\\(" * 5000 + "1" + ")" * 5000 + '"', "9" * 100000, "#" * 100000,
    '"' + "a" * 900000 + '"', "def f: " * 5000 + "1" + "; f" * 5000,
]


def quoted(text):
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("${", "$${")
    return f'"{escaped}"'


def plan(filters):
    """One filter a line, from line 6 on."""
    lines = ['plan shop {', '    stage move "Move it" {', '        unwatched because "nobody uses it yet"',
             '        prepare within 1h {', '            let _zero = 0']
    lines += [f'            let _v{i} = run.json("true", {quoted(text)}) timeout 1s' for i, text in enumerate(filters)]
    lines += ['        }', '        apply within 1m { run "touch moved" idempotent }',
              '        verify within 1m { check "moved" file.exists("moved") }',
              '        rollback within 1m {', '            run "rm moved" idempotent',
              '            verify { check "not moved" not file.exists("moved") }', '        }', '    }', '}', '']
    return "\n".join(lines)


def run(arguments, folder, rbkc=os.path.join(BIN, "rbkc"), timeout=120):
    return subprocess.run([rbkc, *arguments], cwd=folder, env=ENVIRONMENT, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout)


def write(folder, name, text):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        file.write(text)


def said(folder, filters, **how):
    """What is said of each filter: "" for nothing, or the severity; and the messages."""
    write(folder, "plan.rbk", plan(filters))
    done = run(["check", "--no-explore", "--format", "json", "plan.rbk"], folder, **how)
    assert done.returncode in (0, 1), (done.returncode, done.stderr)
    severities = [""] * len(filters)
    messages = [""] * len(filters)
    for finding in json.loads(done.stdout)["findings"]:
        if finding.get("code") == "RBK129":
            index = finding["place"]["start"]["line"] - 6
            severities[index], messages[index] = finding["severity"], finding["message"]
            shown = finding["message"]
            assert shown.isprintable() and len(shown) < 300, shown
    return severities, messages


class Worker:
    """A worker of one's own, as the runtime starts it."""

    def __init__(self):
        self.channel, theirs = socket.socketpair()
        self.process = subprocess.Popen([os.path.join(BIN, "rbk-filter-worker")], stdin=theirs, env={},
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        theirs.close()

    def ask(self, kind, text, document=b"", processor_ms=2000):
        """@return (kind, text) of the reply; None when the worker ended."""
        program = text.encode()
        try:
            self.channel.sendall(struct.pack("=4I", kind, processor_ms, len(program), len(document)) + program + document)
            return self.read(8)
        except (ConnectionError, EOFError):
            return None

    def read(self, bytes_wanted):
        head = self.exactly(bytes_wanted)
        kind, length = struct.unpack("=2I", head)
        return kind, self.exactly(length).decode("utf-8", "replace")

    def exactly(self, count):
        data = b""
        while len(data) < count:
            part = self.channel.recv(count - len(data))
            if not part:
                raise EOFError
            data += part
        return data

    def end(self):
        self.channel.close()
        self.process.kill()
        self.process.wait()


def applied(text):
    worker = Worker()
    reply = worker.ask(APPLY, text, DOCUMENT)
    worker.end()
    return reply


def test_what_is_refused_would_not_run_and_what_passes_runs(folder):
    filters = GOOD + BAD
    severities, messages = said(folder, filters)
    for text, severity, message in zip(filters, severities, messages):
        reply = applied(text)
        assert reply is not None, text
        assert severity == ("error" if reply[0] == INVALID else ""), (text, severity, message, reply)
    assert not any(severities[:len(GOOD)]) and all(severities[len(GOOD):])
    # The order of the plan has no part in it, nor has what is compiled together.
    assert said(folder, filters[::-1])[0] == severities[::-1]
    assert not any(said(folder, GOOD)[0])
    # Nor does what closes a parenthesis that is not its own.
    for text in ("1) | (2", "1), (2", "1)\n,\n(2", ".a)+(.b", "[1]) | ([2]", '"(") | (")"'):
        assert said(folder, [".a", text, ".b"])[0] == ["", "error", ""], text


def test_no_filter_hurts_the_compiler(folder):
    started = time.monotonic()
    filters = HOSTILE + [".a", "nosuch"]
    severities, messages = said(folder, filters)
    assert time.monotonic() - started < 60
    # Each has its own verdict, and those after them, too.
    assert severities[-2:] == ["", "error"], (severities, messages)
    for text, severity in zip(HOSTILE, severities):
        assert "note" != severity, text[:40]
        if severity == "error":
            assert applied(text)[0] == INVALID, text[:40]
    assert severities[0] == "error" and severities[2:4] == ["", ""], severities


def test_after_as_many_as_are_shown_no_more_are_asked(folder):
    started = time.monotonic()
    severities, _ = said(folder, [f".[{i}" for i in range(3000)])
    assert time.monotonic() - started < 20
    assert set(severities[:50]) == {"error"} and "note" not in severities[:50]
    # Another plan with one of those left over is none the better for it.
    write(folder, "one.rbk", plan([".[2999"]))
    done = run(["check", "--format", "gcc", "plan.rbk", "one.rbk"], folder)
    assert b"one.rbk:6:40: error: the filter does not compile" in done.stdout, done.stdout[-500:]


def test_a_filter_has_no_environment(folder):
    assert said(folder, ["$ENV.FILTER_TEST_SECRET", "env"])[0] == ["", ""]
    assert applied("$ENV | length") == (SCALAR, "0")
    worker = Worker()
    with open(f"/proc/{worker.process.pid}/environ", "rb") as file:
        assert file.read() == b""
    worker.end()


def test_the_worker_survives_what_it_compiles():
    worker = Worker()
    assert [worker.ask(COMPILE, text)[0] for text in ["nosuch", "[" * 100000, ".["]] == [INVALID] * 3
    assert worker.ask(COMPILE, ".a") == (COMPILES, "")
    # In little memory and time: both are of the child, which is another for each filter.
    reply = worker.ask(COMPILE, ".a and " * 20000 + "1", processor_ms=1000)
    assert reply[0] == ENDED and "processor time" in reply[1], reply
    assert worker.ask(COMPILE, ".a") == (COMPILES, "")
    assert worker.ask(APPLY, ".status", DOCUMENT) == (SCALAR, "ok")
    worker.end()


def test_a_worker_that_cannot_have_a_child_says_nothing_of_the_filter():
    """As with `ulimit -u`; root has no such limit, so it is somebody else there."""
    ours, theirs = socket.socketpair()
    program = os.open(os.path.join(BIN, "rbk-filter-worker"), os.O_RDONLY)
    child = os.fork()
    if child == 0:
        try:
            os.dup2(theirs.fileno(), 0)
            if os.getuid() == 0:
                os.setuid(61234)
            resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
            os.execve(program, ["rbk-filter-worker"], {})
        finally:
            os._exit(1)
    theirs.close()
    os.close(program)
    worker = Worker.__new__(Worker)
    worker.channel = ours
    assert worker.ask(APPLY, ".status", DOCUMENT) == (SCALAR, "ok")
    assert worker.ask(COMPILE, ".a") is None
    ours.close()
    os.waitpid(child, 0)


def test_findings_are_not_told_to_the_worker(folder):
    """Nor when its channel could take the place of a stdout that is closed."""
    write(folder, "plan.rbk", plan([".a", "nosuch"]))
    write(folder, "other.rbk", plan([".b", "nosuch"]))
    for closed in ([1], [0, 1], [1, 2]):
        done = subprocess.run([os.path.join(BIN, "rbkc"), "check", "--format", "gcc", "plan.rbk", "other.rbk"], cwd=folder,
                              env=ENVIRONMENT, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=60,
                              preexec_fn=lambda: [os.close(descriptor) for descriptor in closed])
        assert done.returncode == 3, (closed, done)
        assert 2 in closed or done.stderr.count(b"cannot write the findings") == 2, (closed, done)


def test_every_command_that_compiles_a_plan_says_so(folder):
    write(folder, "plan.rbk", plan(["nosuch"]))
    for command in (["build", "--stdout"], ["times"], ["graph"], ["runbook"], ["explore"], ["check"]):
        done = run([*command, "plan.rbk"], folder)
        out = done.stdout + done.stderr
        assert done.returncode == 1 and b"nosuch/0 is not defined" in out, (command, done)
    done = run(["review", "plan.rbk"], folder)
    assert done.returncode == 1 and b"nosuch/0 is not defined" in done.stdout, done


# ---- other workers --------------------------------------------------------------------------------------------------

FAKE = """#!/usr/bin/python3
import os, struct, sys, time
log = open({log!r}, "a")
print("start", sorted(os.environ), os.getcwd(), file=log, flush=True)
while True:
    head = os.read(0, 16)
    if not head:
        break
    length = struct.unpack("=4I", head)[2]
    program = b""
    while len(program) < length:
        program += os.read(0, length - len(program))
    print("ask", program, file=log, flush=True)
    {body}
"""


def with_fake(folder, body):
    """A folder with an rbkc that has a worker of ours beside it, and the worker's log."""
    place = tempfile.mkdtemp(dir=folder)
    shutil.copy(os.path.join(BIN, "rbkc"), place)
    log = os.path.join(place, "log")
    if body is not None:
        write(place, "rbk-filter-worker", FAKE.format(log=log, body=body))
        os.chmod(os.path.join(place, "rbk-filter-worker"), 0o755)
    return os.path.join(place, "rbkc"), log


def lines_of(log):
    with open(log, encoding="utf-8") as file:
        return file.read().splitlines()


def test_one_worker_for_all_and_each_text_once(folder):
    rbkc, log = with_fake(folder, 'os.write(0, struct.pack("=2I", 5, 0))')
    write(folder, "one.rbk", plan([".a", ".b", ".a"]))
    write(folder, "two.rbk", plan([".a", ".c"]))
    write(folder, "none.rbk", plan([]))
    assert run(["check", "none.rbk"], folder, rbkc=rbkc).returncode == 0
    assert not os.path.exists(log), "a worker for a plan without filters"
    done = run(["check", "none.rbk", "one.rbk", "two.rbk", "one.rbk"], folder, rbkc=rbkc)
    assert done.returncode == 0, done
    lines = lines_of(log)
    # Python itself adds LC_CTYPE where there is nothing.
    starts = [line for line in lines if line.startswith("start")]
    assert len(starts) == 1 and starts[0] in ("start [] /", "start ['LC_CTYPE'] /"), lines
    asked = "".join(line for line in lines if line.startswith("ask"))
    assert [asked.count(text) for text in (".a", ".b", ".c")] == [1, 1, 1], lines


def test_without_an_answer_nothing_is_refused(folder):
    cases = {
        "missing": (None, "cannot be started"),
        "exits": ("break", "gave no answer"),
        "nonsense": ('os.write(0, b"\\x1b[31m" * 1000)', "gave no answer"),
        "endless": ('os.write(0, struct.pack("=2I", 4, 1 << 30) + b"x" * 100000)', "gave no answer"),
        "killed": ("os.kill(os.getpid(), 9)", "gave no answer"),
    }
    for name, (body, reason) in cases.items():
        rbkc, _ = with_fake(folder, body)
        started = time.monotonic()
        severities, messages = said(folder, [".a", "nosuch", ".b"], rbkc=rbkc, timeout=60)
        assert severities == ["note", "", ""], (name, severities)
        assert messages[0].startswith("3 filters of jq were not checked: ") and reason in messages[0], (name, messages)
        assert time.monotonic() - started < 9, name  # RBK_FILTER_ANSWER_MS_MAX is 10 s
    rbkc, _ = with_fake(folder, None)
    assert run(["build", "--stdout", "plan.rbk"], folder, rbkc=rbkc).returncode == 0


def test_what_a_worker_says_is_shown_as_one_line(folder):
    rbkc, _ = with_fake(folder, 'text = b"\\x1b[31mred\\x07 \\xff\\xfe" + b"y" * 3000 + b"\\nnext"; '
                                'os.write(0, struct.pack("=2I", 4, len(text)) + text)')
    severities, messages = said(folder, [".a"], rbkc=rbkc)
    assert severities == ["error"] and "?[31mred? ??yyy" in messages[0] and "next" not in messages[0], messages
    rbkc, _ = with_fake(folder, 'os.write(0, struct.pack("=2I", 6, 4) + b"gone")')
    assert said(folder, [".a", ".b"], rbkc=rbkc) == (["warning"] * 2, ["the filter was not checked: gone"] * 2)
    assert run(["build", "--stdout", "plan.rbk"], folder, rbkc=rbkc).returncode == 0


def test_a_source_that_is_run_is_checked_first(folder):
    write(folder, "plan.rbk", plan([".a", "nosuch"]))
    done = run(["run", "--store", os.path.join(folder, "store"), "plan.rbk"], folder, rbkc=os.path.join(BIN, "rbk"))
    assert done.returncode == 3 and b"RBK129" in done.stderr, done
    assert not os.path.exists(os.path.join(folder, "store")), "a run that was refused left a store"


def main():
    failed = 0
    chosen = sys.argv[1:]
    for name, test in sorted(globals().items()):
        if name.startswith("test_") and (not chosen or name in chosen):
            with tempfile.TemporaryDirectory() as folder:
                try:
                    test(*[folder] if test.__code__.co_argcount else [])
                    print(f"ok {name}", flush=True)
                except Exception as error:  # each test is told of, whatever it meets
                    failed += 1
                    print(f"FAIL {name}: {type(error).__name__}: {str(error)[:3000]}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
