#!/usr/bin/python3
"""The formats of `rbkc check` for machines, over every plan of tests/golden: JSON as docs/check.schema.json
says, SARIF as its official schema says, annotations within GitHub's limits, Markdown that no plan can break
out of; fingerprints that outlive moved lines; fixes that mend and lose nothing; exit statuses.

RBK_BIN is the folder of rbkc, RBK_NPM the folder that `npm ci` filled (build/npm)."""

import functools
import glob
import hashlib
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import jsonschema

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
RBKC = os.path.join(os.environ["RBK_BIN"], "rbkc")
NPM = os.environ.get("RBK_NPM", os.path.join(ROOT, "build", "npm"))
SARIF = os.path.join(NPM, "node_modules", "@microsoft", "jest-sarif", "lib", "schemas", "sarif-2.1.0-rtm.5.json")
ENVIRONMENT = {**os.environ, "RBK_STDLIB": os.path.join(ROOT, "stdlib"), "LC_ALL": "C", "NO_COLOR": "1"}
ENVIRONMENT.pop("GITHUB_STEP_SUMMARY", None)


def check(*arguments, cwd=HERE, **environment):
    return subprocess.run([RBKC, "check", *arguments], cwd=cwd, env={**ENVIRONMENT, **environment},
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def plans(kind):
    found = glob.glob(f"{kind}/**/*.rbk", root_dir=HERE, recursive=True)
    return sorted(path for path in found if not os.path.basename(path).startswith("_"))


def read(path):
    with open(path, "rb") as file:
        return file.read()


@functools.lru_cache(maxsize=None)
def gcc_lines(path):
    """(code, line, column) of each finding, in the order of severity, by the format that stands."""
    out = check("--format", "gcc", path).stdout.decode("utf-8", "replace")
    rows = []
    for line in out.splitlines():
        match = re.match(r".*?:(\d+):(\d+): (error|warning|note): .* \[(RBK\d+)\]$", line)
        if match:
            rows.append((match[4], int(match[1]), int(match[2]), match[3]))
    return sorted(rows, key=lambda row: ["error", "warning", "note"].index(row[3]))


def test_json_is_what_its_schema_says_and_has_every_finding():
    with open(os.path.join(ROOT, "docs", "check.schema.json"), encoding="utf-8") as file:
        schema = json.load(file)
    validator = jsonschema.Draft7Validator(schema)
    count = 0
    for path in plans("invalid") + plans("valid"):
        done = check("--format", "json", path)
        document = json.loads(done.stdout)
        validator.validate(document)
        rows = [(f["code"], f["place"]["start"]["line"], f["place"]["start"]["column"], f["severity"])
                for f in document["findings"] if "place" in f and "code" in f]
        assert rows == gcc_lines(path), (path, rows, gcc_lines(path))
        assert document["accepted"] == (done.returncode == 0), path
        assert len({f["fingerprint"] for f in document["findings"]}) == len(document["findings"]), path
        text = read(os.path.join(HERE, path))
        for finding in document["findings"]:
            place = finding.get("place")
            if place and place["file"] == path:
                assert 0 <= place["start"]["byte"] <= place["end"]["byte"] <= len(text), path
        count += len(document["findings"])
    assert count > 100, count
    bad = dict(document, format_version="2.0")
    assert not validator.is_valid(bad), "the schema accepts anything"


def test_sarif_is_what_the_standard_says():
    with open(SARIF, encoding="utf-8") as file:
        schema = json.load(file)
    # The schema asks for an absolute "$schema", and nothing is fetched here: formats are not checked.
    validator = jsonschema.validators.validator_for(schema)(schema)
    waived = 0
    for path in plans("invalid") + plans("valid"):
        log = json.loads(check("--format", "sarif", path).stdout)
        validator.validate(log)
        run = log["runs"][0]
        rules = run["tool"]["driver"]["rules"]
        for result in run["results"]:
            assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
            for location in result.get("locations", []):
                uri = location["physicalLocation"]["artifactLocation"]["uri"]
                assert not uri.startswith(("/", ".")), uri
            waived += len(result.get("suppressions", []))
        assert len(run["results"]) == len([r for r in gcc_lines(path)]) or path.endswith("_a_file.rbk"), path
    assert waived > 0, "no golden plan waives a rule"
    log["version"] = "3"
    assert not validator.is_valid(log), "the schema accepts anything"


def test_fingerprints_outlive_lines_that_move():
    def fingerprints(text):
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "plan.rbk"), "w", encoding="utf-8") as file:
                file.write(text)
            found = json.loads(check("--format", "json", "plan.rbk", cwd=folder).stdout)["findings"]
            return {f["fingerprint"]: f["code"] for f in found}

    plan = """plan p {
    title "Twice the same mistake"
    stage a {
        unwatched because "a test"
        apply within 1m { run "touch x" idempotent }
        verify within 1m { check "there" file.exists("x") }
    }
    stage b {
        unwatched because "a test"
        apply within 1m { run "touch x" idempotent }
        verify within 1m { check "there" file.exists("x") }
    }
}
"""
    before = fingerprints(plan)
    assert len(before) >= 2, before
    assert fingerprints("# a comment\n\n\n" + plan) == before
    assert fingerprints(plan.replace("    stage b {", "    # another\n    stage    b   {")) == before
    assert fingerprints(plan.replace("stage b", "stage c")) != before


def test_github_gets_ten_annotations_of_a_kind_and_the_rest_as_text():
    with tempfile.TemporaryDirectory() as folder:
        lines = "".join(f"    connection c{i} = postgres(missing{i})\n" for i in range(15))
        with open(os.path.join(folder, "a%b,c:d.rbk"), "w", encoding="utf-8") as file:
            file.write("plan p {\n    title \"::error::not one\"\n" + lines.replace("missing3)", "missing3) # ##[error]no") + "}\n")
        summary = os.path.join(folder, "summary.md")
        done = check("--format", "github", "a%b,c:d.rbk", cwd=folder, GITHUB_STEP_SUMMARY=summary)
        out = done.stdout.decode().splitlines()
        commands = [line for line in out if line.startswith("::")]
        errors = [line for line in commands if line.startswith("::error ")]
        assert len(errors) == 10, out
        assert all(line.startswith("::error file=a%25b%2Cc%3Ad.rbk,line=") for line in errors), errors
        assert all("title=RBK" in line for line in errors), errors
        assert [line.split(":")[2].split(" ")[0] for line in commands if line not in errors] == [
            "group", "stop-commands", commands[-2].strip(":"), "endgroup"]
        # The plan has no say while commands are stopped, nor in the word that ends it.
        start, end = out.index("::stop-commands::" + commands[-2].strip(":")), out.index(commands[-2])
        assert len(commands[-2]) == 68 and not any("##[" in line for line in out[:start] + out[end:]), out
        assert any("##[error]no" in line for line in out[start:end]), out
        assert any(re.match(r"\d+ more without an annotation", line) for line in out), out
        assert done.returncode == 1
        page = read(summary).decode()
        for i in range(15):
            assert f"missing{i}" in page, i
            assert f"missing{i}" in done.stdout.decode(), i


def fences(page):
    """The lines outside of code blocks, as CommonMark reads fences."""
    outside, fence = [], None
    for line in page.splitlines():
        match = re.match(r"^ {0,3}(`{3,})(.*)$", line)
        if fence is None and match and "`" not in match[2]:
            fence = len(match[1])
        elif fence is not None and match and len(match[1]) >= fence and not match[2].strip():
            fence = None
        elif fence is None:
            outside.append(line)
    assert fence is None, "a code block that never ends"
    return outside


def test_markdown_cannot_be_broken_out_of():
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "<b>*x*.rbk"), "w", encoding="utf-8") as file:
            file.write('plan p {\n    title "````" <img src=x>; `x` &&\n````\n    stage a { }\n}\n')
        page = check("--format", "markdown", "<b>*x*.rbk", cwd=folder).stdout.decode()
        for line in fences(page):
            code = re.sub(r"`[^`]*`", "", re.sub(r"\\.", "", line))
            assert "<" not in code and "*x*" not in code, line
        assert "**not accepted**" in page
    for path in plans("invalid")[:40]:
        fences(check("--format", "markdown", path).stdout.decode("utf-8", "replace"))


FIXABLE = """# what stands here stays
use std.http
plan p {
    title "Mended";   # as does this
    param n: int = 3 where n > 0&&n < 5 "few"
    allow RBK122 because "for nothing"
    stage a {
        unwatched because "a test"
        apply within 1m { run "touch x${n}" idempotent idempotent }
        verify within 1m { check "there" file.exists("x") }
        rollback within 1m { run "rm -f x" idempotent verify { check "gone" file.exists("x") == false } }
    }
}
"""
MENDED = """# what stands here stays
plan p {
    title "Mended"   # as does this
    param n: int = 3 where n > 0 and n < 5 "few"
    stage a {
        unwatched because "a test"
        apply within 1m { run "touch x${n}" idempotent }
        verify within 1m { check "there" file.exists("x") }
        rollback within 1m { run "rm -f x" idempotent verify { check "gone" file.exists("x") == false } }
    }
}
"""


def test_fix_mends_what_is_certain_and_nothing_else():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "plan.rbk")
        with open(path, "w", encoding="utf-8") as file:
            file.write(FIXABLE)
        os.chmod(path, 0o640)
        dry = check("--fix", "--dry-run", "plan.rbk", cwd=folder)
        assert read(path).decode() == FIXABLE, "a dry run wrote"
        patched = subprocess.run(["patch", "-p1", "-s", "-o", "-", "plan.rbk"], cwd=folder, input=dry.stdout,
                                 stdout=subprocess.PIPE, check=True).stdout
        assert patched.decode() == MENDED, patched.decode()
        done = check("--fix", "plan.rbk", cwd=folder)
        assert done.returncode == 0, done
        assert read(path).decode() == MENDED, read(path).decode()
        assert os.stat(path).st_mode & 0o777 == 0o640
        assert check("--fix", "plan.rbk", cwd=folder).stdout == b"" and read(path).decode() == MENDED


def test_fix_keeps_line_ends_and_the_owner():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "plan.rbk")
        with open(path, "wb") as file:
            file.write(FIXABLE.replace("\n", "\r\n").encode())
        owner = (1234, 1234) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
        os.chown(path, *owner)
        assert check("--fix", "plan.rbk", cwd=folder).returncode == 0
        assert read(path).decode() == MENDED.replace("\n", "\r\n"), read(path)
        assert (os.stat(path).st_uid, os.stat(path).st_gid) == owner, os.stat(path)


def test_names_of_a_machine_do_nothing_in_its_model_or_on_a_terminal():
    """Names of a machine that no plan made: what Spin would take for C would run when it checks."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "plan.rbkm")
        subprocess.run([RBKC, "build", "-o", path, os.path.join(ROOT, "examples/01-first-plan/plan.rbk")],
                       env=ENVIRONMENT, check=True)
        text = read(path).decode()
        for name in ("first_plan", "new_columns", "plan.stages"):
            hostile = text.replace(f'"name":"{name}"', '"name":"a */ c_code { x } /*"')
            assert hostile != text, name
            head, digits, rest = re.fullmatch(r'(.*?"integrity":")([0-9a-f]{64})(".*)', hostile, re.S).groups()
            with open(path, "w", encoding="utf-8") as file:
                file.write(head + hashlib.sha256((head + rest).encode()).hexdigest() + rest)
            model = subprocess.run([RBKC, "emit", "--promela", path], env=ENVIRONMENT, stdout=subprocess.PIPE,
                                   check=True).stdout.decode()
            bare = re.sub(r"/\*.*?\*/", "", model, flags=re.S)
            assert "c_code" in model and "c_code" not in bare, name
        head, digits, rest = re.fullmatch(r'(.*?"integrity":")([0-9a-f]{64})(".*)', text, re.S).groups()
        rest = rest.replace('"name":"new_columns"', '"name":"a\\u001B[31m\u009b1m"')
        with open(path, "w", encoding="utf-8") as file:
            file.write(head + hashlib.sha256((head + rest).encode()).hexdigest() + rest)
        told = subprocess.run([RBKC, "explore", path], env=ENVIRONMENT, stdout=subprocess.PIPE, check=True).stdout
        assert b"stage a?[31m??1m" in told and b"\x1b" not in told and b"\xc2\x9b" not in told, told[:400]


def test_colours_are_for_terminals_that_have_them():
    for change, colours in (({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
        master, slave = os.openpty()
        said = subprocess.Popen([RBKC, "check", os.devnull], stdin=subprocess.DEVNULL, stdout=slave,
                                stderr=subprocess.DEVNULL, env={**ENVIRONMENT, "TERM": "xterm", "NO_COLOR": "", **change})
        os.close(slave)
        text = os.read(master, 10000)
        assert said.wait(timeout=60) == 1
        os.close(master)
        assert text and (b"\x1b[" in text) == colours, (change, text)


def test_what_wants_a_plan_says_so_of_a_module():
    module = os.path.join(ROOT, "stdlib/files.rbk")
    for command in (["times"], ["times", "--format=json"], ["explore"], ["emit", "--promela"], ["graph"], ["runbook"],
                    ["review"], ["build", "--stdout"]):
        said = subprocess.run([RBKC, *command, module], env=ENVIRONMENT, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)
        assert said.returncode == 1 and b", only a plan has" in said.stdout, (command, said)
    assert check(module).returncode == 0


def test_a_standard_library_that_is_not_there_is_named():
    plan = os.path.join(ROOT, "plans/lead_cutover/plan.rbk")
    found = check("--no-explore", plan, RBK_STDLIB="/no/such/folder")
    assert found.returncode == 1 and b"in `/no/such/folder`; RBK_STDLIB says" in found.stdout, found


def test_fmt_shows_what_it_would_change():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "plan.rbk")
        for text in (MENDED.replace("stage a", "stage   a"), MENDED.replace("        verify", "verify", 1)):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            shown = subprocess.run([RBKC, "fmt", "--diff", "plan.rbk"], cwd=folder, stdout=subprocess.PIPE, check=False)
            assert shown.returncode == 1 and read(path).decode() == text, shown
            patched = subprocess.run(["patch", "-p1", "-s", "-o", "-", "plan.rbk"], cwd=folder, input=shown.stdout,
                                     stdout=subprocess.PIPE, check=True).stdout
            subprocess.run([RBKC, "fmt", "plan.rbk"], cwd=folder, check=True)
            assert read(path) == patched
            assert subprocess.run([RBKC, "fmt", "--diff", "plan.rbk"], cwd=folder, stdout=subprocess.PIPE,
                                  check=True).stdout == b""


def test_fmt_does_not_complain_of_a_reader_that_has_seen_enough():
    with tempfile.TemporaryDirectory() as folder:
        text = "plan p {\n" + "".join(f"    param p_{i}:   int\n" for i in range(20_000)) + "}\n"
        with open(os.path.join(folder, "plan.rbk"), "w", encoding="utf-8") as file:
            file.write(text)
        shown = subprocess.run(["bash", "-c", '"$0" fmt --diff plan.rbk | head -n 1', RBKC], cwd=folder,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True)
        assert shown.stdout == b"--- a/plan.rbk\n" and shown.stderr == b"", shown


def test_fix_leaves_every_golden_plan_no_worse():
    for path in plans("invalid"):
        with tempfile.TemporaryDirectory() as folder:
            text = read(os.path.join(HERE, path))
            if len(text) > 100_000:
                continue
            for module in glob.glob(os.path.join(HERE, os.path.dirname(path), "_*")):
                os.symlink(module, os.path.join(folder, os.path.basename(module)))
            with open(os.path.join(folder, "plan.rbk"), "wb") as file:
                file.write(text)
            before = json.loads(check("--format", "json", "plan.rbk", cwd=folder).stdout)
            check("--fix", "plan.rbk", cwd=folder)
            after = json.loads(check("--format", "json", "plan.rbk", cwd=folder).stdout)
            syntax = any(f["code"] == "RBK100" for f in before["findings"])
            assert syntax or after["counts"]["errors"] <= before["counts"]["errors"], path
            certain = [n for f in after["findings"] for n in f["notes"]
                       if n.get("fix", {}).get("applicability") == "certain" and n["fix"]["place"]["file"] == "plan.rbk"]
            assert not certain or syntax, (path, certain)


def test_exit_statuses():
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "warned.rbk"), "w", encoding="utf-8") as file:
            file.write(MENDED.replace("plan p {", "use std.http\nplan p {"))
        assert check("warned.rbk", cwd=folder).returncode == 0
        assert check("--fail-on", "warning", "warned.rbk", cwd=folder).returncode == 1
        assert check("--fail-on", "error", "warned.rbk", cwd=folder).returncode == 0
        for wrong in (["--fail-on", "never", "warned.rbk"], ["--format", "xml", "warned.rbk"], ["--dry-run", "warned.rbk"],
                      []):
            assert check(*wrong, cwd=folder).returncode == 2, wrong
        for form in ("human", "gcc", "json", "sarif", "github", "markdown"):
            assert check("--format", form, "missing.rbk", cwd=folder).returncode == 3, form
        for asked in ("-h", "-?", "--help", "help"):
            assert subprocess.run([RBKC, asked], capture_output=True, check=False).returncode == 0, asked
        said = check("warned.rbk", cwd=folder).stderr.decode()
        assert said == "rbkc: 1 warning; plan accepted\nrbkc: `rbkc check --fix` mends 1 of them\n", said


# What a plan is made of, as far as comments go between: texts (with what `${}` has in them), comments, words, signs.
TOKEN = re.compile(r'"""(?:\\.|[^\\])*?"""|"(?:\\.|[^"\\])*"|\'[^\'\n]*\'|#[^\n]*|[A-Za-z_0-9%.:]+|\S', re.S)


def tokens(text):
    return [re.sub(r"\s+", " ", match[0]).rstrip() for match in TOKEN.finditer(text)]


def test_fmt_keeps_every_comment_between_its_neighbours():
    chance = random.Random(1)
    formatted = 0
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "plan.rbk")
        for source in sorted(glob.glob(f"{ROOT}/examples/*/*.rbk") + glob.glob(f"{ROOT}/stdlib/*.rbk")):
            plan = read(source).decode()
            gaps = [match.start() for match in TOKEN.finditer(plan)]
            for count in (1, 5, 40):
                made, last = "", 0
                for number, gap in enumerate(sorted(chance.sample(gaps, min(count, len(gaps))))):
                    made += plan[last:gap] + chance.choice(("# c%d\n", "\n# c%d\n", "\n\n\n# c%d\n\n\n", "# c%d  \n# d\n")) % number
                    last = gap
                made += plan[last:]
                with open(path, "w", encoding="utf-8") as file:
                    file.write(made)
                if subprocess.run([RBKC, "fmt", path], capture_output=True, check=False).returncode != 0:
                    continue  # the comment fell into the `${}` of a text over one line
                once = read(path).decode()
                assert tokens(once) == tokens(made), (source, count)
                assert subprocess.run([RBKC, "fmt", "--check", path], capture_output=True, check=False).returncode == 0, (
                    source, count, made)
                formatted += 1
    assert formatted > 30, formatted


def test_a_name_of_a_file_stays_on_its_line():
    with tempfile.TemporaryDirectory() as folder:
        name = "a.rbk:1:1: error: forged [RBK999]\n\x1b[2Kb.rbk"
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write("plan p {}")
        for form in ("human", "gcc"):
            said = check("--format", form, "./" + name, cwd=folder).stdout
            assert b"\x1b" not in said and said.count(b"\n") == check(
                "--format", form, "x.rbk", cwd=_copy(folder, name)).stdout.count(b"\n"), (form, said)


def _copy(folder, name):
    """A folder beside it in which the same plan has an ordinary name."""
    other = os.path.join(folder, "other")
    os.makedirs(other, exist_ok=True)
    with open(os.path.join(folder, name), encoding="utf-8") as old, open(
            os.path.join(other, "x.rbk"), "w", encoding="utf-8") as new:
        new.write(old.read())
    return other


def test_nothing_is_written_over_a_plan():
    with tempfile.TemporaryDirectory() as folder:
        for name in ("plan.rbk", "other.rbk"):
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(MENDED)
        os.symlink("plan.rbk", os.path.join(folder, "link"))
        for command in (["build"], ["graph"], ["review"], ["runbook"], ["emit", "--promela"]):
            for output in ("plan.rbk", "link", "other.rbk", "../" + os.path.basename(folder) + "/plan.rbk"):
                said = subprocess.run([RBKC, *command, "-o", output, "plan.rbk"], cwd=folder, capture_output=True, check=False)
                assert said.returncode == 2 and b"written over" in said.stderr, (command, output, said)
            for name in ("plan.rbk", "other.rbk"):
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    assert file.read() == MENDED, (command, name)


def main():
    failed = 0
    for name, function in sorted(globals().items()):
        if name.startswith("test_") and (len(sys.argv) == 1 or name in sys.argv[1:]):
            try:
                function()
                print(f"ok {name}", flush=True)
            except Exception as error:  # each test is told of, whatever it meets
                failed += 1
                print(f"FAIL {name}: {type(error).__name__}: {str(error)[:3000]}", flush=True)
    return 1 if failed else 0


sys.exit(main())
