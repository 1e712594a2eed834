#!/usr/bin/env python3
"""Plans, machines, parameters and names that nobody means well with: each is refused with a reason and an
exit status of 1 to 3, or runs; nothing crashes, hangs, or leaks. All inputs are made here."""

import hashlib
import json
import os
import random
import subprocess

import box as b
from box import check

DEEP = 100_000
MACHINE_FLIPS = 300


# ---- plans ------------------------------------------------------------------------------------------

def compile_refused(box, name, data, says=None):
    """The compiler's commands and `rbk run` all refuse it; the formatter neither changes nor loses it."""
    path = box.write(name, data)
    box.refused("rbkc", "check", path, statuses=(1, 3), says=says)
    box.refused("rbkc", "build", path, statuses=(1, 3), says=says)
    done = box.run("rbkc", "fmt", path)  # a file of comments alone may be laid out
    if done.status != 0:
        check(os.path.getsize(path) == len(data if isinstance(data, bytes) else data.encode()), "fmt changed it")
    box.refused("rbk", "run", path, statuses=(1, 3), says=says)
    check(not os.path.exists(box.path(name.replace(".rbk", ".rbkm"))), "a machine was written")


def huge_plans_are_refused(box):
    path = box.path("huge.rbk")
    with open(path, "wb") as file:
        file.write(b"plan huge {\n")
        line = b'    title "' + b"x" * 87 + b'"\n'
        for _ in range(100_000_000 // (len(line) * 10_000)):
            file.write(line * 10_000)
        file.write(b"}\n")
        file.truncate(100_000_000)
    for words in (("rbkc", "check"), ("rbkc", "build"), ("rbkc", "fmt"), ("rbk", "run")):
        box.refused(*words, path, says="64 MiB|too (long|large|big)|larger than|limit")
    os.truncate(path, 0)
    os.truncate(path, 1 << 40)  # a sparse file of one terabyte
    box.refused("rbkc", "check", path)
    os.unlink(path)


def one_long_line_or_word_is_refused(box):
    for name, data in {
            "word": b"plan " + b"a" * 2_000_000 + b" { }",
            "text": b'plan p { title "' + b"a" * 2_000_000 + b'" }',
            "open": b'plan p { title "' + b"a" * 2_000_000,
            "open3": b'plan p { title """' + b"a\n" * 1_000_000,
            "number": b"plan p { estimate " + b"9" * 1_000_000 + b"s }",
            "comment": b"#" * 3_000_000,
            "quotes": b'"' * 200_000,
            "stages": b"plan p {" + b"stage a { }" * 20_000 + b"}"}.items():
        compile_refused(box, name + ".rbk", data)


def deep_nesting_is_refused(box):
    head = 'plan p { stage s { apply within 1m { '
    cases = {
        "braces": "{" * DEEP,
        "ifs": head + "if true { " * DEEP,
        "parallels": head + "parallel { " * DEEP + "}" * DEEP,
        "parentheses": head + 'check "x" ' + "(" * DEEP + "1" + ")" * DEEP,
        "brackets": head + "let x = " + "[" * DEEP + "]" * DEEP,
        "interpolation": head + 'run "' + '${"' * DEEP,
        "interpolation2": head + 'run "' + '${"' * DEEP + "x" + '"}' * DEEP + '"',
        "nots": head + 'check "x" ' + "not " * DEEP + "true",
        "minus": head + 'check "x" ' + "-" * DEEP + "1 == 1",
        "ands": head + 'check "x" ' + "true and " * DEEP + "true",
        "plus": head + 'check "x" 1' + " + 1" * DEEP + " == 1",
        "calls": head + "let x = " + "abs(" * DEEP + "1" + ")" * DEEP,
        "asks": "plan p { held at most 1h else " + "ask r within 1m else " * DEEP + "abort",
        "approvals": "plan p { severity high then abort " + "with approval of r within 1m else abort " * DEEP,
        "elses": head + "if true { } " + "else if true { } " * DEEP,
        "lists": "plan p { param x: " + "list of " * DEEP + "text }",
        "as": head + 'check "x" x' + " as text" * DEEP,
        "or_else": head + 'check "x" x' + " ?? x" * DEEP,
        "dots": head + "do " + "a." * DEEP + "b()",
    }
    b.side_by_side(lambda item: compile_refused(box, item[0] + ".rbk", item[1]), cases.items())


def bytes_that_are_not_text_are_refused(box):
    good = b.plan().encode()
    at = good.index(b"The only one")
    for name, bad in {"nul": b"\0", "latin1": b"\xe4", "cut": b"\xe2\x82", "overlong": b"\xc0\xaf",
                      "surrogate": b"\xed\xa0\x80", "beyond": b"\xf4\x90\x80\x80", "bidi": "\u202e".encode(),
                      "isolate": "\u2066".encode(), "zero_width": "\u200b".encode(), "escape": b"\x1b[2J",
                      "bell": b"\x07", "delete": b"\x7f", "c1": b"\xc2\x9b"}.items():
        compile_refused(box, name + ".rbk", good[:at] + bad + good[at:])
        compile_refused(box, name + "_comment.rbk", b"# " + bad + b"\n" + b"stage" + good)
    noise = random.Random(2)
    for number in range(6):
        compile_refused(box, f"noise{number}.rbk", noise.randbytes(5000))


def every_cut_of_a_plan_is_refused(box):
    good = b.plan().encode()

    def cut(length):
        box.refused("rbkc", "check", box.write(f"cut{length}.rbk", good[:length]), statuses=(1,))

    b.side_by_side(cut, range(0, good.rindex(b"}"), 13))


# ---- machines ---------------------------------------------------------------------------------------

def compiled(box):
    box.write("good.rbk", b.plan())
    done = box.run("rbkc", "build", box.path("good.rbk"), "-o", box.path("good.rbkm"))
    check(done.status == 0, done)
    return box.read("good.rbkm")


def cut_machines_are_refused(box):
    good = compiled(box)
    lengths = sorted({0, 1, 2, 3, 10, 100, len(good) - 3, len(good) - 2,
                      *(len(good) * part // 60 for part in range(60))})

    def cut(length):
        box.refused("rbk", "run", box.write(f"cut{length}.rbkm", good[:length]), statuses=(3,))

    b.side_by_side(cut, lengths)
    check(not os.path.exists(box.store), "a store was made")


def flipped_machines_are_refused(box):
    good = compiled(box)
    dice = random.Random(20261121)
    places = [(dice.randrange(len(good.rstrip())), dice.randrange(8)) for _ in range(MACHINE_FLIPS)]

    def flip(place):
        at, bit = place
        bad = bytearray(good)
        bad[at] ^= 1 << bit
        box.refused("rbk", "run", box.write(f"flip{at}_{bit}.rbkm", bytes(bad)), statuses=(3,))

    b.side_by_side(flip, places, workers=4)
    check(not os.path.exists(box.store) and not os.path.exists(box.path("made")), "something ran")


def flipped_machines_with_a_mended_hash_do_no_harm(box):
    """What the hash would have caught: every number and name may be wrong, and some still make a machine."""
    good = compiled(box)
    at_hash = good.index(b'"integrity":"') + len(b'"integrity":"')
    dice = random.Random(20261122)

    def flip(number):
        bad = bytearray(good)
        for _ in range(1 + number % 3):
            at = dice.randrange(at_hash + 64, len(bad) - 1)
            bad[at] = dice.choice(b"0123456789") if chr(bad[at]).isdigit() else bad[at] ^ 1 << dice.randrange(8)
        bad[at_hash:at_hash + 64] = hashlib.sha256(bad[:at_hash] + bad[at_hash + 64:]).hexdigest().encode()
        os.mkdir(box.path(f"mended{number}"))
        path = box.write(f"mended{number}/m.rbkm", bytes(bad))
        store = box.path(f"mended{number}/store.db")
        done = box.run("rbk", "run", path, "--no-wait", "--store", store, seconds=45)
        check(b.harmless(done.text), done)
        check(done.status != 3 or not os.path.exists(store), "refused, but a store was made")

    b.side_by_side(flip, range(150), workers=4)


def machines_of_other_shapes_are_refused(box):
    compiled(box)
    for name, data in {
            "null": b"null", "list": b"[]", "object": b"{}", "number": b"1e400", "text": b'"rbk"',
            "version": b'{"version": 99999999999999999999}', "nul": b"\0" * 1000, "bom": b"\xef\xbb\xbf{}",
            "deep": b"[" * DEEP, "deep2": b'{"a":' * DEEP, "deep3": b"[" * DEEP + b"]" * DEEP,
            "twice": b'{"version":1,"version":1}', "gzip": b"\x1f\x8b\x08" + bytes(100),
            "elf": b"\x7fELF" + bytes(100), "long": b'{"a":"' + b"x" * 50_000_000}.items():
        box.refused("rbk", "run", box.write(name + ".rbkm", data), statuses=(3,))
    box.refused("rbk", "run", box.path("good.rbkm") + ".none", statuses=(1, 3), says="No such file")


# ---- what is not a file -----------------------------------------------------------------------------

def things_that_are_no_files_are_refused(box):
    box.write("good.rbk", b.plan())
    os.mkdir(box.path("folder.rbk"))
    os.mkdir(box.path("folder.rbkm"))
    os.mkfifo(box.path("fifo.rbk"))
    os.mkfifo(box.path("fifo.rbkm"))
    os.mkfifo(box.path("fifo.json"))
    for path in ("folder.rbk", "folder.rbkm", "fifo.rbk", "fifo.rbkm", box.device("zero"), box.device("full"),
                 box.device("null"), "/proc/self/mem", "none.rbk", "good.rbk/x"):
        path = os.path.join(box.folder, path)
        box.refused("rbk", "run", path)
        box.refused("rbkc", "check", path)
        box.refused("rbkc", "build", path)
        box.run("rbkc", "fmt", path)
    for path in ("fifo.json", "folder.rbk", "zero", "full", "null", "none.json", "/proc/self/mem"):
        box.refused("rbk", "run", "good.rbk", "--params", os.path.join(box.folder, path))
    for path in (box.device("full"), "folder.rbk", "none/x.rbkm"):
        box.refused("rbkc", "build", "good.rbk", "-o", os.path.join(box.folder, path), statuses=(3,))
    check(not os.path.isfile(box.device("full")) or os.geteuid() == 0 and not
          os.path.getsize(box.device("full")), "a device was replaced")
    os.symlink("real.rbkm", box.path("link.rbkm"))
    for _ in range(2):
        check(box.run("rbkc", "build", "good.rbk", "-o", box.path("link.rbkm")).status == 0, "the link")
        if os.path.exists(box.path("real.rbkm")):
            check(os.path.islink(box.path("link.rbkm")), "a link was replaced")
        else:
            box.write("real.rbkm", b"")
            os.unlink(box.path("link.rbkm"))
            os.symlink("real.rbkm", box.path("link.rbkm"))
    with open("/dev/full", "wb") as full:
        box.refused("rbkc", "build", "good.rbk", "--stdout", stdout=full, statuses=(3,))
        box.refused("rbkc", "graph", "good.rbk", stdout=full, statuses=(3,))
    check(not os.path.exists(box.store), "a store was made")


def files_a_plan_names_may_be_anything(box):
    """Modules and SQL files that are pipes, folders, devices, huge, or no text."""
    box.write("sql.rbk", b.plan(apply='            sql shop file "x.sql" timeout 5s'))
    box.write("use.rbk", "use helper\n\n" + b.plan(apply="            do helper.move()"))
    for name, plan in (("x.sql", "sql.rbk"), ("helper.rbk", "use.rbk")):
        path = box.path(name)
        os.mkfifo(path)
        box.refused("rbk", "run", plan, statuses=(3,))
        os.unlink(path)
        os.mkdir(path)
        box.refused("rbk", "run", plan, statuses=(3,))
        os.rmdir(path)
        for target in (box.device("zero"), path, "none"):
            os.symlink(target, path)
            box.refused("rbk", "run", plan, statuses=(3,))
            os.unlink(path)
        with open(path, "wb") as file:
            file.truncate(1 << 36)
        box.refused("rbk", "run", plan, statuses=(3,))
        for data in (b"\0", b"\xff\xfe", "\u202e".encode() if name != "x.sql" else b"\0 SELECT 1"):
            box.write(name, data)
            box.refused("rbk", "run", plan, statuses=(3,))
        os.unlink(path)
    check(not os.path.exists(box.store), "a store was made")


# ---- parameters -------------------------------------------------------------------------------------

PARAMS = '''    param word: text = "w" where word != "never" "not this word"
    param amount: int = 1
    param rate: ratio = 1%
    param long: duration = 1s
    param names: list of text = ["a"]
    param yes: bool = true
    param place: url = "http://127.0.0.1/"
'''


def odd_parameters_are_refused_or_passed_on_whole(box):
    box.write("p.rbk", b.plan(apply='''            run ["printf", "%s", "--", word] into said timeout 5s idempotent
            check "said whole" said == "--${word}"
            run "touch made" timeout 5s idempotent''', head=PARAMS))
    for bad in (b"amount=\n1x", b"amount=", b"amount=99999999999999999999999", b"amount=1e999", b"amount=NaN",
                b"rate=nan%", b"long=5", b"long=99999999999999d", b"names=[", b"names=[1,{}]",
                b"names=" + b"[" * DEEP, b"yes=2", b"word=never", b"word", b"=x", b"", b"none=1", b"w\nord=1",
                b"word=\xff\xfe", b"word=\xe2\x82", b"place=\n", b"word", b"-word=1", b"../word=1"):
        if len(bad) > 130_000:
            continue
        box.refused("rbk", "run", "p.rbk", "--set", bad, statuses=(2,))
    # One argument is 128 KiB at most on Linux: a text of a megabyte comes in a file.
    for number, good in enumerate(("a\nb", "-rf", "--", "; touch evil", "$(touch evil)", "`touch evil`", "'\"\\",
                                   "\u202eevil", "%s%n", "x" * 100_000, "=", "")):
        store = box.path(f"odd{number}/store.db")
        done = box.run("rbk", "run", "p.rbk", "--no-wait", "--store", store, "--set", "word=" + good)
        check(done.status in (0, 2, 30), done)
        check(b.harmless(done.text), done)
        if done.status != 0:
            check(good.startswith("-") or good == "", done)
        for command in ("status", "log"):
            seen = box.run("rbk", command, "--store", store)
            check(b.harmless(seen.text) and len(seen.text) < 400_000, seen)
    check(not os.path.exists(box.path("evil")), "a value was run")
    big = box.write("big.json", json.dumps({"word": "x" * (1 << 20)}))
    done = box.run("rbk", "run", "p.rbk", "--no-wait", "--params", big)
    check(done.status in (2, 30), done)


def odd_parameter_files_are_refused(box):
    box.write("p.rbk", b.plan(head=PARAMS))
    for name, data in {
            "twice": b'{"amount": 1, "amount": 2}', "list": b"[1]", "null": b"null", "empty": b"", "nul": b"\0",
            "cut": b'{"amount": 1', "tail": b'{"amount": 1} x', "type": b'{"amount": "one"}', "float": b'{"amount": 1.5}',
            "huge": b'{"amount": 1e400}', "large": b'{"amount": 123456789012345678901234567890}',
            "object": b'{"word": {"a": 1}}', "unknown": b'{"nothing": 1}', "bool": b'{"yes": 1}',
            "deep": b'{"names": ' + b"[" * DEEP + b"]" * DEEP + b"}", "deep2": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
            "utf8": b'{"word": "\xff"}', "surrogate": b'{"word": "\\ud800"}', "inner_nul": b'{"word": "a\\u0000b"}',
            "key": b'{"a\\u0000b": 1}', "mixed": b'{"names": ["a", [1]]}', "inner_null": b'{"names": ["a", null]}', "nothing": b'{"amount": null}',
            "2MiB": b'{"word": "' + b"x" * (2 << 20) + b'"}'}.items():
        box.refused("rbk", "run", "p.rbk", "--params", box.write(name + ".json", data), statuses=(1, 2))
    check(not os.path.exists(box.path("made")), "something ran")


# ---- names of runs, descriptors, output -------------------------------------------------------------

def odd_names_of_runs_are_refused(box):
    box.write("good.rbk", b.plan())
    check(box.run("rbk", "run", "good.rbk").status == 0, "the run")
    run = box.run_id()
    for name in ("../../x", "/etc/passwd", "x" * 100_000, "", "%", "*", "' OR 1=1 --", "\n", "\x1b[2J", "-1",
                 run + "/../" + run, "../" + run, os.fsdecode(b"\xff")):
        for words in (("status",), ("log", "--json"), ("resume",), ("abort",)):
            box.refused("rbk", *words, "--", name, statuses=(1, 2))
    for name in ("../" + run, "", "\x1b[2J"):
        for words in (("log",), ("pause",), ("continue",), ("cancel",), ("retry",), ("status", "--json")):
            box.refused("rbk", *words, "--", name, statuses=(1, 2))
        for words in (("approve",), ("deny",)):
            box.refused("rbk", *words, "--", name, "q", statuses=(1, 2))
        box.refused("rbk", "answer", "--", name, "q", "yes", statuses=(1, 2))
        box.refused("rbk", "signal", "--", name, "s", statuses=(1, 2))
        box.refused("rbk", "alert", "--", name, "s", "firing", statuses=(1, 2))
        box.refused("rbk", "resolve", "--reason", "x", "--", name, "s", "done", statuses=(1, 2))


def closed_descriptors_do_no_harm(box):
    """With 0, 1 and 2 closed at the start, no file of ours may land on them."""
    box.write("good.rbk", b.plan(apply='''            run "echo to-stdout" timeout 5s idempotent
            sql shop "CREATE TABLE IF NOT EXISTS t (x)" timeout 5s
            run "touch made" timeout 5s idempotent'''))
    for number, closed in enumerate(((0,), (1,), (2,), (0, 1), (1, 2), (0, 1, 2))):
        store = box.path(f"closed{number}/store.db")
        redirect = " ".join(f"{each}>&-" for each in closed)
        for words in (f"run {box.path('good.rbk')}", "status", "log", "runs"):
            done = subprocess.run(["sh", "-c", f"exec {b.BIN}/rbk {words} --store {store} {redirect}"],
                                  cwd=box.folder, env=box.env, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30, check=False)
            check(done.returncode in (0, 1), (words, closed, done))
            check(not b.REPORT.search(done.stdout + done.stderr), done)
        check(box.query("PRAGMA integrity_check", path=store) == [("ok",)], "the store is damaged")
        check(box.query("SELECT status FROM runs", path=store) == [("completed",)], (closed, "not completed"))
        subprocess.run(["sh", "-c", f"exec {b.BIN}/rbkc check good.rbk {redirect}"], cwd=box.folder,
                       env=box.env, timeout=30, check=False)
    with open("/dev/full", "wb") as full:
        store = box.path("full/store.db")
        done = box.run("rbk", "run", "good.rbk", "--store", store, stdout=full, stderr=full)
        check(box.query("SELECT status FROM runs", path=store) == [("completed",)], done)


def readers_that_go_away_stop_no_run(box):
    """`rbk run | head -1`: what is shown has nobody to see it, and the run goes on."""
    box.write("good.rbk", b.plan(apply='            run "true" timeout 5s idempotent\n' * 20 +
                                 '            run "touch made" timeout 5s idempotent'))
    for number, words in enumerate((("run", "good.rbk"), ("run", "good.rbk", "--json"), ("log",), ("status",))):
        store = box.path(f"away{number % 2}/store.db")
        process = box.start("rbk", *words, "--store", store)
        process.stdout.close()
        process.stderr.close()
        status = process.wait(timeout=30)
        check(status in b.STATUSES, f"{words} ended with {status}")
        if words[0] == "run":
            check(box.query("SELECT status FROM runs", path=store) == [("completed",)], words)


def endless_output_of_a_command_is_bounded(box):
    box.write("loud.rbk", b.plan(apply='''            shell "head -c 104857600 /dev/zero | tr '\\\\0' x" into all timeout 25s idempotent
                optional because "it may be too much"
            capture "loud" run "head -c 3000000 /dev/zero" timeout 10s
            run "touch made" timeout 5s idempotent'''))
    done = box.run("rbk", "run", "loud.rbk", "--no-wait", seconds=50)
    check(done.status in (0, 30), done)
    check(len(done.text) < 100_000, f"{len(done.text)} bytes shown")
    size = sum(os.path.getsize(os.path.join(folder, name))
               for folder, _, names in os.walk(box.path("state")) for name in names)
    check(size < 150 << 20, f"{size} bytes kept")
    for command in ("status", "log"):
        check(len(box.run("rbk", command).text) < 100_000, command)


def values_too_long_for_the_journal_do_not_end_the_run(box):
    """A megabyte of control characters is six in JSON; of lines, more still. The run must go on, or back."""
    box.write("long.rbk", b.plan(within="60s", apply=r"""            shell "head -c 1000000 /dev/zero | tr '\\0' '\\1'" into said timeout 9s idempotent
            check "said" said == "x" timeout 5s optional because "only to see"
            capture "said" run ["head", "-c", "3000000", "/dev/zero"] timeout 5s
            shell "yes x | head -n 500000" into many timeout 9s idempotent
            let each = lines(many) timeout 9s optional because "only to see"
            notify team "it said ${many}"
            run "touch made" timeout 5s idempotent""", head='    channel team = talk.to()').replace(
                "plan small", "use talk\n\nplan small"))
    box.write("talk.rbk", 'module talk\n\nchannel to() { run "tee -a told" stdin message timeout 5s idempotent }\n')
    done = box.run("rbk", "run", "long.rbk", "--no-wait", seconds=60)
    check(done.status == 0, done)
    said = box.query("SELECT count(*) FROM events WHERE body LIKE '%too long for the journal%'")
    check(said[0][0] >= 1, "does not say so")
    check(box.query("SELECT count(*) FROM evidence WHERE content LIKE '%longer than%'") == [(1,)], "evidence without a word")
    check(0 < os.path.getsize(box.path("told")) < 20_000, "the message")


def what_a_command_prints_cannot_harm_the_terminal(box):
    evil = r"\033[2J\033]0;owned\007 \000 \377\376 \342\200\256 \r12:00:00 forged\n13:00:00 forged line\n"
    box.write("evil.rbk", b.plan(apply=f"""            run ["printf", '{evil}'] into said timeout 5s idempotent
            capture "evil" run ["printf", '{evil}'] timeout 5s
            capture "said" said timeout 5s
            shell '''printf '{evil}' >&2; exit 9''' timeout 5s idempotent optional because "only to see"
            check "a label ${{said}}" said == "x" timeout 5s optional because "only to see"
            run "touch made" timeout 5s idempotent"""))
    done = box.run("rbk", "run", "evil.rbk", "--no-wait")
    check(done.status in (0, 30), done)
    for words in ((), ("--json",)):
        for command in ("status", "log", "runs"):
            seen = box.run("rbk", command, *words)
            check(seen.status == 0 and b.harmless(seen.text), repr(seen.text))
            if words and command == "status":
                json.loads(seen.out)
            elif words:
                for line in seen.out.splitlines():
                    json.loads(line)
            check(b"\nforged" not in seen.text and b"\n13:00:00 forged" not in seen.text, seen)
    check(b.harmless(done.text), repr(done.text))


if __name__ == "__main__":
    b.main([huge_plans_are_refused, one_long_line_or_word_is_refused, deep_nesting_is_refused,
            bytes_that_are_not_text_are_refused, every_cut_of_a_plan_is_refused, cut_machines_are_refused,
            flipped_machines_are_refused, flipped_machines_with_a_mended_hash_do_no_harm, machines_of_other_shapes_are_refused,
            things_that_are_no_files_are_refused, files_a_plan_names_may_be_anything, odd_parameters_are_refused_or_passed_on_whole,
            odd_parameter_files_are_refused, odd_names_of_runs_are_refused, closed_descriptors_do_no_harm,
            readers_that_go_away_stop_no_run,
            endless_output_of_a_command_is_bounded, values_too_long_for_the_journal_do_not_end_the_run,
            what_a_command_prints_cannot_harm_the_terminal])
