"""What `rbk report` writes: of runs that completed, turned round, got stuck, were killed or are under way; that it
tells the same in each format, shows what a hostile step, person or store put into it without being harmed by it, and
finds what was changed in the store afterwards.

Some whole reports are kept in tests/golden/report, with times, durations and names of this host replaced.

    report_test.py [--keep] [--update] [TEST …]
"""

import html.parser
import json
import os
import re
import shutil
import signal
import sys
import time

import jsonschema

from box import SOURCE, check, main, plan

GOLDEN = os.path.join(SOURCE, "tests", "golden", "report")
WAIT_S = 20
with open(os.path.join(SOURCE, "docs", "report.schema.json"), encoding="utf-8") as file:
    SCHEMA = jsonschema.Draft7Validator(json.load(file))

# Elements and attributes that a report may have; nothing that fetches, runs or sends.
ELEMENTS = set("""html head meta title style body header h1 h2 h3 h4 p span b strong code pre ul ol li dl div dt dd table
    thead tbody tr th td details summary input figure figcaption time svg defs pattern rect line circle path text g"""
               .split())
ATTRIBUTES = re.compile(r"^(lang|charset|http-equiv|content|name|class|type|role|aria-[a-z]+|viewbox|id|x|y|x1|x2|y1|y2|"
                        r"width|height|rx|cx|cy|r|d|patternunits|patterntransform)$")
EMPTY = {"meta", "input"}


class Page(html.parser.HTMLParser):
    """A report in HTML, held against what it may contain."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.seen, self.words = [], [], []
        self.feed(text)
        check(not self.open, f"not closed: {self.open}")

    def handle_starttag(self, tag, attrs):
        check(tag in ELEMENTS, f"<{tag}>")
        for name, value in attrs:
            check(ATTRIBUTES.match(name), f"<{tag} {name}={value!r}>")
            check(name == "content" or "url(" not in (value or ""), f"<{tag} {name}={value!r}>")
        self.seen.append((tag, dict(attrs)))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in EMPTY:
            self.open.pop()

    def handle_endtag(self, tag):
        check(self.open and self.open.pop() == tag, f"</{tag}> closes another element")

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    def bars(self):
        return [attrs["class"].split()[1] for tag, attrs in self.seen
                if tag == "rect" and (attrs.get("class") or "").startswith("bar ") and "x" in attrs]

    def text(self):
        return " ".join(self.words)


def report(box, form, *more, status=0):
    done = box.run("rbk", "report", "--format", form, *more)
    check(done.status == status, done)
    return done.out.decode()


def as_json(box, *more, status=0):
    found = json.loads(report(box, "json", *more, status=status))
    SCHEMA.validate(found)
    return found


def strings(value):
    """Every text in a JSON value."""
    if isinstance(value, str):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from strings(each)


def three(box, status=0):
    """The same run in all three formats, each held against its own rules."""
    html, text = report(box, "html", status=status), report(box, "md", status=status)
    page = Page(html)
    check(not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text + page.text()), "controls")
    check(("meta", {"http-equiv": "Content-Security-Policy",
                    "content": "default-src 'none'; style-src 'unsafe-inline'"}) in page.seen, "no policy")
    check(not re.search('class="broken"[^>]*>0ms<', html), "a break in the axis that stands for nothing")
    columns = 0
    for line in text.split("\n"):
        if line.startswith("|"):
            cells = len(re.findall(r"(?<!\\)\|", line)) - 1
            check(columns in (0, cells), f"{cells} cells in a table of {columns}: {line}")
            columns = cells
        else:
            columns = 0
    found = as_json(box, status=status)
    hidden = [each for each in strings(found) if re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", each)]
    check(not hidden, f"controls: {hidden}")
    return text, page, found


def drive(box, text, status, *more, env=None):
    box.write("small.rbk", text)
    done = box.run("rbk", "run", "--no-wait", *more, "small.rbk", seconds=60, env=env)
    check(done.status == status, done)
    return done


def until(holds, what):
    end = time.monotonic() + WAIT_S
    while not holds():
        check(time.monotonic() < end, f"not within {WAIT_S} s: {what}")
        time.sleep(0.02)


def look(box):
    done = box.run("rbk", "status", "--json")
    return json.loads(done.out) if done.status == 0 else {}


def decisions(found):
    return [(row["what"], row["by"], row.get("who", ""), row.get("readings", "")) for row in found["decisions"]]


# ---- whole reports ----------------------------------------------------------------------------------

def plain(box, text):
    """Without what differs from one run, host or day to the next."""
    run = box.run_id()
    host, user = box.query("SELECT host, user FROM runs")[0]
    text = text.replace(box.folder, "FOLDER").replace(run, "RUN")
    for name, stands in ((host, "HOST"), (user, "USER")):
        text = re.sub(r"(?<![\w./-])%s(?![\w./-])" % re.escape(name), stands, text)
    text = re.sub(r"\b[0-9a-f]{64}\b", "HASH", text)
    text = re.sub(r"ends in `[0-9a-f]{16}`", "ends in `HASH`", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME", text)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}", "TIME", text)
    text = re.sub(r"\b\d\d:\d\d:\d\d\b", "CLOCK", text)
    text = re.sub(r"\b\d+ms\b|\b\d+\.\d+s\b", "SPAN", text)
    text = re.sub(r"SPAN of (\S+) \(\d+%\)", r"SPAN of \1", text)
    text = re.sub(r"(within|over), \d+%", r"\1", text)
    text = re.sub(r'("[a-z_]+_ms": )(?!(?:10|20|30|60)000|300000|600000|1800000)\d+', r"\1SPAN", text)
    return re.sub(r"in \d+ ms\)", "in SPAN)", text)


def compare(box, name, status=0):
    for form in ("md", "json"):
        got, path = plain(box, report(box, form, status=status)), os.path.join(GOLDEN, f"{name}.{form}")
        if "--update" in sys.argv:
            os.makedirs(GOLDEN, exist_ok=True)
            with open(path, "w", encoding="utf-8") as kept:
                kept.write(got)
        with open(path, encoding="utf-8") as kept:
            wanted = kept.read()
        if got != wanted:
            box.write(f"got.{form}", got)
            diff = os.popen(f"diff -u {path} {box.path(f'got.{form}')} | head -60").read()
            check(False, f"{name}.{form} is another one:\n{diff}")


COMPLETED = plan('let rows = run.output("echo 42")\n'
                 "capture \"the table\" run \"sh -c 'echo one; echo two'\"\n"
                 'run "touch made" timeout 5s idempotent\n'
                 'run "false" timeout 5s idempotent optional because "nobody needs it"\n'
                 'run "sh twice.sh" timeout 5s idempotent retry 2 every 100ms',
                 head='title "A small one" ticket "OPS-1" owner "Us" estimate 10m param size: int = 3')


def a_completed_run(box):
    box.write("twice.sh", "test -e once || { touch once; echo not yet; exit 1; }")
    drive(box, COMPLETED, 0)
    text, page, found = three(box)
    check(found["status"] == "completed" and found["journal"]["whole"], found["journal"])
    check([row["value"] for row in found["values"]] == ["42"], found["values"])
    check([row["name"] for row in found["params"]] == ["size"], found["params"])
    check("apply" in page.bars() and "rollback" not in page.bars(), page.bars())
    kept = found["evidence"]
    check(len(kept) == 1 and kept[0]["genuine"] and kept[0]["content"] == "one\ntwo" and kept[0]["bytes"] == 7, kept)
    check([row["went_on"] for row in found["troubles"]] == ["passed over: the step is optional", "tried again"],
          found["troubles"])
    check("## Review" in text and "## Post-mortem" not in text, "no review")
    compare(box, "completed")


def a_run_that_turned_round(box):
    """The criterion, what it was met by, each way back against its limit."""
    folder = os.path.join(SOURCE, "examples", "02-it-rolls-back")
    for name in os.listdir(folder):
        shutil.copy(os.path.join(folder, name), box.folder)
    with open(os.path.join(SOURCE, "examples", "shop.sql"), encoding="utf-8") as sql:
        made = __import__("sqlite3").connect(box.path("shop.db"))
        made.executescript(sql.read())
        made.close()
    check(box.run("rbk", "run", "--no-wait", "plan.rbk").status == 10, "it rolls back")
    text, page, found = three(box)
    check(("roll back discount", "step", "", "sql.value = 1") in decisions(found), decisions(found))
    check(("abort", "criterion", "a stage had to be rolled back", "rollbacks = 1") in decisions(found), decisions(found))
    check([row["what"] for row in found["decisions"] if row.get("turns")] == ["abort"], found["decisions"])
    check([(row["condition"], row["met"]) for row in found["criteria"]] == [("rollbacks > 0", True)], found["criteria"])
    check({"rollback", "rollback_verify", "stands"} <= set(page.bars()), page.bars())
    check("within the 1m that the plan allows" in text and "## Post-mortem" in text, text[:2000])
    compare(box, "aborted")


STUCK = plan(head='role ops { contact "ops@example.com" } escalate stuck to ops').replace(
    'run "rm -f made" timeout 5s idempotent', 'run "sh -c \'echo no way; exit 3\'" timeout 5s idempotent').replace(
    'file.exists("made") }\n        rollback', 'file.exists("never made") }\n        rollback')


def a_stuck_run(box):
    drive(box, STUCK, 20)
    text, page, found = three(box)
    check(found["status"] == "stuck" and any("rbk resolve" in line for line in found["what_now"]), found["what_now"])
    check("stuck" in page.bars(), page.bars())
    check(found["interruptions"][-1].get("to") is None, found["interruptions"])
    check(any("no way" in row["text"] and row.get("detail") for row in found["events"]), "the step's output is not told")
    check("Stuck since" in text, text[:1500])
    compare(box, "stuck")


# ---- who decided, on what ---------------------------------------------------------------------------

WATCHED = """plan small {
    connection shop = sqlite("shop.db")
    secret word from env "WORD"
    severity critical then abort
    param limit: number = 3
    probe level = sql.value(shop, "SELECT n FROM level") as number every 50ms
    trigger high critical when level > limit for 2 readings missing hold 5s then pause
    trigger other when avg(level, 1s) > 1000 then pause missing hold 5s then pause
    stage only "The only one" {
        apply within 60s { run "touch made" timeout 5s idempotent wait 50s because "of the test" }
        verify within 10s { check "it is there" file.exists("made") }
        rollback gone when not file.exists("made") within 10s {
            nothing because "never made"
            verify { check "it is gone" not file.exists("made") }
        }
        rollback remove within 10s {
            run "rm -f made" timeout 5s idempotent
            verify { check "it is gone" not file.exists("made") }
        }
    }
}
"""


def the_readings_that_made_a_trigger_fire(box):
    box.query("CREATE TABLE level (n)", path=box.path("shop.db"))
    box.query("INSERT INTO level VALUES (1)", path=box.path("shop.db"))
    box.write("small.rbk", WATCHED)
    box.env["WORD"] = "hush-hush"
    process = box.start("rbk", "run", "--no-wait", "small.rbk")
    until(lambda: os.path.exists(box.path("made")), "the apply began")
    box.query("UPDATE level SET n = 7", path=box.path("shop.db"))
    out, err = process.communicate(timeout=30)
    check(process.returncode == 10, out + err)
    text, page, found = three(box)
    turn = [row for row in found["decisions"] if row.get("turns")][0]
    check(turn["by"] == "trigger" and turn["who"] == "high", turn)
    check("level = 7" in turn["readings"] and "limit = 3" in turn["readings"], turn)
    ways = [row for row in decisions(found) if "way back" in row[0]]
    check([row[0] for row in ways] == ["only: way back 1 of 2, gone, passed over", "only: way back 2 of 2, remove"], ways)
    check(ways[0][3] == "file.exists = true", ways)
    phases = [(row["phase"], row.get("strategy"), row["ended"]) for row in found["stages"][0]["phases"]]
    check(phases[-2:] == [("rollback", "gone", "passed over"), ("rollback", "remove", "ok")], phases)
    fired = {row["trigger"]: row["fired"] for row in found["triggers"]}
    check(fired == {"high": 1, "other": 0}, fired)
    check("within 24 h when critical" in text, "the severity sets the date of the post-mortem")
    check(all(row["readings"] for row in found["checks"] if row["kind"] in ("check", "test")), found["checks"])
    check("trigger" in " ".join(attrs.get("class", "") for tag, attrs in page.seen if tag == "g"), "no sign")


def every_decision_has_the_readings_that_made_it(box):
    """Arming, a test, a requirement, `done when`, a check that looked several times, and a way back that is gone: what
    each of them saw is in the journal, in the log and in the report."""
    box.query("CREATE TABLE level (n)", path=box.path("shop.db"))
    box.query("INSERT INTO level VALUES (1)", path=box.path("shop.db"))
    box.write("later.sh", "sleep 0.4; touch later")
    text = """plan small {
    connection shop = sqlite("shop.db")
    probe level = sql.value(shop, "SELECT n FROM level") as number every 50ms
    trigger high when level > 100 then abort missing hold 5s then pause
    require "a level" level >= 1
    stage first "The first" {
        apply within 60s {
            if file.exists("never") { run "false" timeout 5s idempotent }
            run "sh later.sh" timeout 5s idempotent
            shell "(sleep 0.3; touch late) &" timeout 5s idempotent
        }
        verify within 10s { check "it came" file.exists("late") retry 50 every 50ms }
        rollback back when file.exists("later") every 1s within 10s {
            run "rm -f later" timeout 5s idempotent
            verify { check "it is gone" not file.exists("later") }
        }
    }
    stage second "The second" {
        apply within 60s { wait until file.exists("go") every 50ms timeout 50s run "touch went" timeout 5s idempotent }
        verify within 10s { check "it is there" file.exists("went") }
        rollback within 10s { nothing because "it changed nothing" verify { check "so it is" file.exists("go") } }
    }
}
""".replace("nothing because \"it changed nothing\"", "run \"true x\" timeout 5s idempotent")
    box.write("small.rbk", text)
    process = box.start("rbk", "run", "--no-wait", "small.rbk")
    until(lambda: os.path.exists(box.path("late")), "the first stage stands")
    os.remove(box.path("later"))
    until(lambda: box.query("SELECT 1 FROM events WHERE kind = 'way_back' AND body LIKE '%\"false\"%'"),
          "the way back is read again")
    box.write("go", "")
    process.communicate(timeout=30)
    _, _, found = three(box)
    seen = {row["text"].split()[0] if row["kind"] != "arm" else "arm": row.get("readings", "") for row in found["checks"]}
    check(seen["arm"] == "trigger high: level = 1", seen)
    check(seen["require"] == "sql.value = 1", seen)
    check(seen["if"] == "file.exists = false", seen)
    looked = [row["readings"] for row in found["checks"] if "it came" in row["text"]]
    check(re.match(r"file.exists = true \(\d+ readings in \d+ ms\)$", looked[0]), looked)
    way = [row for row in decisions(found) if "no way back" in row[0]]
    check(way and way[0][3].endswith("file.exists = false"), decisions(found))


def a_hold_is_decided_on_what_failed(box):
    """Not on the last check of the way back, which went well."""
    process = box.start("rbk", "run", box.write("small.rbk", plan(
        'run "sh -c \'echo broken >&2; exit 7\'" timeout 5s idempotent')))
    try:
        until(lambda: look(box).get("status") == "held", "it is held")
        row = next(each for each in as_json(box)["decisions"] if each["what"] == "hold")
        check(row["readings"] == "exit status 7" and "failed" in row["because"], row)
    finally:
        box.run("rbk", "cancel", box.run_id())
        process.communicate(timeout=WAIT_S)


def people_are_named_with_how_long_they_took(box):
    box.write("small.rbk", plan('manual "look at it" by ops within 20s else abort\n'
                                'run "touch made" timeout 5s idempotent',
                                head='role ops { contact "ops@example.com" }').replace(
        "apply within", "approve ops within 5m else abort\n        apply within", 1))
    process = box.start("rbk", "run", "small.rbk")
    for verb, words in (("approve", []), ("answer", ["done"])):
        until(lambda: look(box).get("questions"), "it asks")
        time.sleep(0.3)
        box.query("INSERT INTO inbox (run, at_ms, who, kind, body, reply) VALUES (?, 1, 'mallory', 'answer', ?, '')",
                  box.run_id(), json.dumps({"question": look(box)["questions"][0]["question"] + "@99", "answer": "yes"}))
        until(lambda: not box.query("SELECT 1 FROM inbox WHERE reply = ''"), "it is refused")
        done = box.run("rbk", verb, box.run_id(), look(box)["questions"][0]["question"], *words, "--reason", "seen it")
        check(done.status == 0, done)
        if verb == "approve":
            until(lambda: [each for each in look(box)["questions"] if each["kind"] == "manual"], "it asks again")
    process.communicate(timeout=30)
    text, page, found = three(box)
    user = box.query("SELECT user FROM runs")[0][0]
    rows = [(row["kind"], row["answers"][0]["who"], row["answers"][0]["reason"], row["result"]) for row in found["questions"]]
    check(rows == [("approve", user, "seen it", "yes"), ("manual", user, "seen it", "done")], rows)
    check(all(300 <= row["took_ms"] < 20000 for row in found["questions"]), found["questions"])
    check("## Done by hand" in text and "people" in page.bars(), page.bars())
    check(("only.approve.1: yes", "person", user, "") in decisions(found), decisions(found))
    late = [(row["who"], "@99" in row["what"], row["reply"] in text) for row in found["refused"]]
    check(late == [("mallory", True, True)] * 2, found["refused"])


# ---- crashes ----------------------------------------------------------------------------------------

def a_run_without_a_runner_and_after_it_was_taken_over(box):
    box.write("small.rbk", plan('run "touch made" timeout 5s idempotent\nwait until file.exists("go") every 50ms timeout 40s',
                                within="60s"))
    process = box.start("rbk", "run", "small.rbk")
    until(lambda: os.path.exists(box.path("made")), "the run runs")
    until(lambda: len(as_json(box)["checks"]) >= 0 and as_json(box)["runner"], "it is under way")
    found = as_json(box)
    check(found["status"] == "running" and found["interruptions"] == [], found["interruptions"])
    process.send_signal(signal.SIGSTOP)
    until(lambda: as_json(box)["what_now"], "it is seen to be stopped")
    text, page, found = three(box)
    check(found["runner"] and "the runner is stopped" in found["what_now"][0], found["what_now"])
    check(f"`kill -CONT {process.pid} " in text and not any("rbk resume" in line for line in found["what_now"]), text[:1500])
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=10)
    text, page, found = three(box)
    check(not found["runner"] and len(found["interruptions"]) == 1 and found["interruptions"][0]["under_way"] == 1,
          found["interruptions"])
    check(any("rbk resume" in line for line in found["what_now"]), found["what_now"])
    check("no runner drives it" in text, text[:1500])
    box.write("go", "")
    check(box.run("rbk", "resume", "--no-wait").status == 0, "it is resumed")
    text, page, found = three(box)
    check(len(found["interruptions"]) == 1 and found["interruptions"][0]["to"], found["interruptions"])
    check("resume" in [row["what"] for row in found["decisions"]], found["decisions"])
    check(any(attrs.get("class") == "gap" for tag, attrs in page.seen if tag == "rect"), "no gap in the picture")


def a_doubt_is_told_with_who_resolved_it(box):
    box.write("small.rbk", plan('http POST "http://127.0.0.1:${port}/" timeout 20s in doubt ask ops within 30s else abort\n'
                                'run "touch made" timeout 5s idempotent', head='param port: int = 1 role ops { contact "ops@example.com" }', within="60s"))
    server = __import__("socket").socket()
    server.bind(("127.0.0.1", 0))
    server.listen(1)
    process = box.start("rbk", "run", "--set", f"port={server.getsockname()[1]}", "small.rbk")
    server.settimeout(WAIT_S)
    client = server.accept()[0]
    process.kill()
    process.communicate(timeout=10)
    client.close()
    process = box.start("rbk", "resume")
    until(lambda: look(box).get("questions"), "it asks")
    check(as_json(box)["troubles"][-1]["doubt"], as_json(box)["troubles"])
    check(look(box)["open_effects"][0]["why"] == "it was under way when the last runner ended", look(box)["open_effects"])
    done = box.run("rbk", "resolve", box.run_id(), look(box)["questions"][0]["question"], "done", "--reason", "I saw it")
    check(done.status == 0, done)
    process.communicate(timeout=30)
    server.close()
    text, page, found = three(box)
    doubt = [row for row in found["troubles"] if row["doubt"]]
    check(len(doubt) == 1 and "done, said " in doubt[0]["went_on"] and "I saw it" in doubt[0]["went_on"], doubt)


# ---- hostile ----------------------------------------------------------------------------------------

NASTY = b"</td></tr></table><script>alert(1)</script> \"quoted\" 'single' `tick` | pipe \\| &amp; @all #12 [x](http://e.invalid) \
\x1b[31mred\x1b[0m \xe2\x80\xaereversed\xe2\x80\xac ]]> --> <!-- \r\n| a | b |\n```\n# heading\n"


def text_from_outside_stays_text(box):
    box.write("nasty", NASTY)
    box.write("small.rbk", plan('capture "<script>alert(2)</script> | \\"label\\"" run "cat nasty"\n'
                                'run "touch made" timeout 5s idempotent\n'
                                'let said = run.output("cat nasty")\n'
                                'run "sh -c \'cat nasty >&2; exit 4\'" timeout 5s idempotent',
                                head='title "<img src=x onerror=alert(3)> & \\"title\\"" '
                                     'param given: text = "<b>|`${1 + 1}`"'))
    process = box.start("rbk", "run", "small.rbk", "--set", "given=<svg onload=alert(4)>|x")
    until(lambda: look(box).get("status") == "held", "it is held")
    done = box.run("rbk", "abort", box.run_id(), "--reason", "</code><script>alert(5)</script> | \x1b[2J")
    process.communicate(timeout=30)
    check(done.status in (0, 1), done)
    text, page, found = three(box)
    bare = re.sub(r"(?ms)^(`{3,})[a-z]*\n.*?^\1$", "", text)  # code is shown as it is
    bare = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", bare)
    check(not re.search(r"<(?!/?details>|/?summary>|!-- -->)", bare), re.search(r".*<(?!/?details>|/?summary>|!-- -->).*", bare))
    check("<script>alert(1)</script>" in page.text() and "<script>alert(2)</script>" in page.text(), page.text())
    check("\\x1b[2J" in page.text() and "\\x1b[31mred" in page.text() and "\\u{202e}" in page.text(), "hidden, not shown")
    check("\\x1b[31m" in found["evidence"][0]["content"], found["evidence"])
    box.query("UPDATE evidence SET content = CAST(x'3cff3e0a80' AS TEXT), label = CAST(x'fe22' AS TEXT)")
    text, page, found = three(box)
    check(found["evidence"][0]["content"] == "<\\xff>\n\\x80" and found["evidence"][0]["label"] == "\\xfe\"",
          found["evidence"])


def evidence_that_could_not_be_kept_is_told_of(box):
    """A step that went well and kept nothing is found out before somebody needs it."""
    drive(box, plan('capture "the dump" run "head -c 1100000 /dev/zero" timeout 5s\n'
                    'capture "the picture" run "printf \'\\\\377\'" timeout 5s\n'
                    'run "touch made" timeout 5s idempotent'), 0)
    text, page, found = three(box)
    why = "nothing was kept: its output is "
    check([each["content"][:len(why)] for each in found["evidence"]] == [why] * 2, found["evidence"])
    check([each["went_on"] for each in found["troubles"]] == ["evidence is missing; the run went on"] * 2,
          found["troubles"])
    log = box.run("rbk", "log", box.run_id()).out.decode()
    check(log.count(why) == 2, log)
    check("Evidence that could not be kept: 2." in text and "Evidence kept: 0 pieces" in text, text)


def a_secret_is_in_no_report(box):
    box.env["TOKEN"] = "hush-hush-4711"
    drive(box, plan('capture "said" run "sh -c \'echo $TOKEN\'" env { TOKEN: token } timeout 5s\n'
                    'run "touch made" timeout 5s idempotent\n'
                    'let said = run.output("cat made")', head='secret token from env "TOKEN"'), 0)
    for form in ("md", "html", "json"):
        check("hush-hush" not in report(box, form), form)


# ---- a store that was changed -----------------------------------------------------------------------

def a_journal_that_was_edited_is_reported_as_far_as_it_holds(box):
    drive(box, plan(), 0)
    whole = as_json(box)
    box.query("UPDATE events SET body = replace(body, 'ok', 'fail') WHERE seq = 3")
    text, page, found = three(box, status=1)
    check(not found["journal"]["whole"] and found["journal"]["events"] == 2 and "event 3" in found["journal"]["broken"], found["journal"])
    check(found["events"] == [row for row in whole["events"] if row["seq"] <= 2], "other events before it")
    check("THE JOURNAL IS NOT WHOLE" in text and "The journal is not whole." in page.text(), text[:2000])
    done = box.run("rbk", "report", "--output", "broken.html")
    check(done.status == 1 and b"event 3" in done.err and os.path.getsize(box.path("broken.html")) > 5000, done)


def a_journal_whose_end_was_cut_off_is_not_whole(box):
    drive(box, plan(), 0)
    box.query("DELETE FROM events WHERE seq = (SELECT max(seq) FROM events)")
    found = as_json(box, status=1)
    check("there were" in found["journal"]["broken"], found["journal"])


def a_missing_event_and_other_settings_are_noticed(box):
    drive(box, plan(), 0)
    box.query("DELETE FROM events WHERE seq = 2")
    check(as_json(box, status=1)["journal"]["events"] == 1, "the hole")
    box.query("UPDATE runs SET user = 'mallory'")
    found = as_json(box, status=1)
    check(found["journal"]["events"] == 0 and "were changed" in found["journal"]["broken"], found["journal"])


def evidence_that_was_changed_is_marked(box):
    drive(box, plan('capture "what" run "echo true"\nrun "touch made" timeout 5s idempotent'), 0)
    box.query("UPDATE evidence SET content = 'false'")
    text, _, found = three(box)
    check([row["genuine"] for row in found["evidence"]] == [False], found["evidence"])
    check("not the one that was kept" in text, "it is not said")


def what_cannot_be_reported_is_refused(box):
    box.refused("rbk", "report", says="no store")
    drive(box, plan(), 0)
    box.refused("rbk", "report", "20200101-0000-none", says="no run", statuses=(1,))
    box.refused("rbk", "report", "--format", "pdf", says="md, html and json", statuses=(2,))
    box.refused("rbk", "report", "--output", "nowhere/at/all.md", says="cannot write", statuses=(1,))
    box.write("old.md", "old")
    box.refused("rbk", "report", "20200101-0000-none", "--output", "old.md", statuses=(1,))
    check(box.read("old.md") == b"old", "a report that could not be made has taken the old one's place")
    check(box.run("rbk", "report", "-o", "by-name.html").status == 0, "by its name")
    check(box.read("by-name.html").startswith(b"<!DOCTYPE html>"), "HTML by its name")
    box.query("DELETE FROM machines")
    box.refused("rbk", "report", statuses=(1,))


def a_store_is_only_read(box):
    drive(box, plan(), 0)
    before = box.read("state/store.db")
    for form in ("md", "html", "json"):
        report(box, form)
    check(box.read("state/store.db") == before, "the store is another one")


if __name__ == "__main__":
    main([a_completed_run, a_run_that_turned_round, a_stuck_run, the_readings_that_made_a_trigger_fire,
          every_decision_has_the_readings_that_made_it,
          a_hold_is_decided_on_what_failed, people_are_named_with_how_long_they_took, a_run_without_a_runner_and_after_it_was_taken_over,
          a_doubt_is_told_with_who_resolved_it, text_from_outside_stays_text, evidence_that_could_not_be_kept_is_told_of, a_secret_is_in_no_report,
          a_journal_that_was_edited_is_reported_as_far_as_it_holds, a_journal_whose_end_was_cut_off_is_not_whole,
          a_missing_event_and_other_settings_are_noticed, evidence_that_was_changed_is_marked,
          what_cannot_be_reported_is_refused, a_store_is_only_read])
