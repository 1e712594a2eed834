#!/usr/bin/env python3
"""What docs/review.md shows works: its commands, its hook, and the jobs for GitHub and GitLab are run.

They run in a repository of git that is made here: main has the first example's plan, the branch that is
reviewed loosens it. Besides: reviewing against hostile history, and what is left behind (nothing).
RBK_BIN is the folder of rbkc.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ["RBK_BIN"])
DOCUMENT = (ROOT / "docs/review.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT, re.M | re.S)


def commands(text: str, key: str) -> list[str]:
    """The shell commands of `key: command`, `key: |` and of the list under `key:` in a job's YAML."""
    found, lines = [], text.splitlines()
    for number, line in enumerate(lines):
        indent = len(line) - len(line.lstrip())
        if line.strip() == f"{key}: |":
            found.append(body(lines[number + 1 :], indent))
        elif line.strip().startswith(f"{key}: "):
            found.append(line.strip()[len(key) + 2 :])
        elif line.strip() == f"{key}:":
            for inner, item in enumerate(lines[number + 1 :], number + 1):
                if not item.strip().startswith("- ") and len(item) - len(item.lstrip()) <= indent:
                    break
                if item.strip() == "- |":
                    found.append(body(lines[inner + 1 :], len(item) - len(item.lstrip())))
                elif item.lstrip().startswith("- "):
                    found.append(item.strip()[2:])
    return found


def body(lines: list[str], indent: int) -> str:
    """The lines of a block of text that is indented by more."""
    inside = []
    for line in lines:
        if line.strip() and len(line) - len(line.lstrip()) <= indent:
            break
        inside.append(line)
    return "\n".join(inside)


class World:
    """A repository with a plan on main and a loosened one on a branch."""

    def __init__(self, folder: pathlib.Path):
        self.repository = folder / "repository"
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        shutil.copytree(ROOT / "examples/01-first-plan", self.repository)
        self.environment = {
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "HOME": str(folder),
            "TMPDIR": str(self.temporary),
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            "NO_COLOR": "1",
            "RBK_STDLIB": os.environ.get("RBK_STDLIB", str(ROOT / "stdlib")),
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_NOSYSTEM": "1",
            **{f"GIT_{who}_{what}": f"{what.lower()}@example.com" for who in ("AUTHOR", "COMMITTER")
               for what in ("NAME", "EMAIL")},
        }
        self.git("init", "--quiet", "--initial-branch=main")
        self.commit("first")
        self.git("update-ref", "refs/remotes/origin/main", "main")
        self.git("remote", "add", "origin", str(self.repository))
        self.git("checkout", "--quiet", "-b", "looser")
        self.change("plan.rbk", r"rollback within 10s \{", "rollback within 15s {")
        self.commit("looser")

    def git(self, *arguments: str) -> str:
        return self.run(["git", *arguments])

    def run(self, command: list[str], status: int = 0, **more: str) -> str:
        result = subprocess.run(command, cwd=self.repository, env={**self.environment, **more},
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
        assert result.returncode == status, f"{command}: {result.returncode}\n{result.stdout}"
        return result.stdout

    def change(self, path: str, pattern: str, replacement: str) -> None:
        file = self.repository / path
        text, count = re.subn(pattern, replacement, file.read_text(encoding="utf-8"), count=1)
        assert count == 1, f"{pattern} is not in {path}"
        file.write_text(text, encoding="utf-8")

    def commit(self, message: str) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", message)


def the_commands_run(world: World) -> None:
    shown = [block for block in blocks("sh") if not block.startswith("#!")]
    assert len(shown) == 2, shown
    page = world.run(["bash", "-euc", shown[0]])
    assert "- **weaker:** time of rollback of `new_columns` 10s → 15s" in page, page
    world.run(["bash", "-euc", shown[1]])
    assert (world.repository / "runbook.html").read_text().startswith("<!DOCTYPE html>")
    assert (world.repository / "RUNBOOK.md").read_text().startswith("# Runbook: ")
    assert (world.repository / "picture.mmd").read_text().startswith("flowchart TB\n")
    world.git("clean", "--quiet", "--force")


def the_hook_refuses_what_does_not_compile(world: World) -> None:
    (text,) = [block for block in blocks("sh") if block.startswith("#!")]
    hook = world.repository / ".git/hooks/pre-commit"
    hook.write_text(text)
    hook.chmod(0o755)
    world.run(["rbkc", "fmt", "plan.rbk"])
    world.commit("laid out")
    world.change("plan.rbk", r"\n( +)verify", r"\n\1verfy")
    world.git("add", "--all")
    world.run(["git", "commit", "--quiet", "-m", "broken"], status=1)
    world.git("reset", "--quiet", "--hard")
    hook.unlink()


def hooks_of_pre_commit_name_commands_that_are_there(world: World) -> None:
    text = (ROOT / ".pre-commit-hooks.yaml").read_text()
    for identity in re.findall(r"- id: (\S+)", blocks("yaml")[0]):
        assert f"- id: {identity}\n" in text, identity
    for entry in re.findall(r"entry: (.*)", text):
        world.run([*entry.split(), "plan.rbk"])


def job_of_github(world: World) -> None:
    steps = commands(blocks("yaml")[1], "run")
    assert len(steps) == 3, steps
    summary = world.temporary / "summary.md"
    for step in steps:
        # As GitHub runs a step of `shell: bash`.
        world.run(["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step],
                  GITHUB_STEP_SUMMARY=str(summary), GITHUB_BASE_REF="main")
    text = summary.read_text()
    assert "## What changes against `origin/main`" in text, text
    assert "weaker" in text, text
    summary.unlink()


def job_of_gitlab(world: World) -> None:
    script = commands(blocks("yaml")[2], "script")
    assert len(script) == 6, script
    target = {"CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main"}
    for line in script:
        world.run(["bash", "-eo", "pipefail", "-c", line], **target)
    assert "What changes against `FETCH_HEAD`" in (world.repository / "review.md").read_text()
    # With an error there is a report of it, and the last line fails.
    world.change("plan.rbk", r"\) == 2\n", ") == 5m\n")
    for line in script[2:5]:
        world.run(["bash", "-eo", "pipefail", "-c", line], **target)
    world.run(["bash", "-eo", "pipefail", "-c", script[5]], status=1, **target)
    report = json.loads((world.repository / "code-quality.json").read_text())
    assert report and all(
        set(entry) == {"description", "check_name", "fingerprint", "severity", "location"}
        and entry["severity"] in ("info", "minor", "major", "critical", "blocker")
        and entry["location"]["path"] == "plan.rbk" and entry["location"]["lines"]["begin"] > 0
        for entry in report), report
    assert len({entry["fingerprint"] for entry in report}) == len(report), report
    world.git("checkout", "--quiet", ".")
    world.git("clean", "--quiet", "--force")


def history_is_only_text(world: World) -> None:
    """Old revisions may name any file, and be called anything."""
    plan = world.repository / "plan.rbk"
    good = plan.read_text(encoding="utf-8")
    for name in ("../../../../../../etc/passwd", "/etc/passwd", "sql/../../escape.sql", "sql",
                 "--output=x", "$(touch pwned)", "sql/010_new_columns.sql/below.sql"):
        plan.write_text(re.sub(r'file "[^"]*"', lambda _, name=name: f'file "{name}"', good, count=1))
        world.commit(name)
    plan.write_text(good)
    world.commit("good again")
    before = sorted(path.name for path in world.repository.parent.iterdir())
    for age in range(8):
        page = world.run(["rbkc", "review", "plan.rbk", "--against", f"HEAD~{age}"])
        assert "root:" not in page, page
    assert sorted(path.name for path in world.repository.parent.iterdir()) == before
    assert not (world.repository / "pwned").exists()
    for revision in ("--help", "-c", "no-such-branch", "main; touch pwned", "$(touch pwned)", "main:plan.rbk", ""):
        said = world.run(["rbkc", "review", "plan.rbk", f"--against={revision}"], status=3)
        assert said.startswith("rbkc: "), said
    assert not (world.repository / "pwned").exists()
    shutil.copy(plan, world.repository / "new.rbk")
    page = world.run(["rbkc", "review", "new.rbk", "--against", "main"])
    assert "The plan is new: main has no new.rbk." in page, page
    # A plan that was moved is still the same plan, and so are the modules it had beside it.
    (world.repository / "moved").mkdir()
    world.git("mv", "plan.rbk", "moved/plan.rbk")
    world.git("mv", "sql", "moved/sql")
    world.commit("moved")
    page = world.run(["rbkc", "review", "moved/plan.rbk", "--against", "HEAD~1"])
    assert "What changes against `HEAD~1`" in page and "The plan is new" not in page, page
    world.git("reset", "--quiet", "--hard", "HEAD~1")
    # A plan below the root, seen from elsewhere; a filter of the repository is not applied.
    (world.repository / ".gitattributes").write_text("*.rbk filter=evil diff=evil\n")
    world.git("config", "filter.evil.smudge", "touch pwned")
    world.git("config", "diff.evil.textconv", "touch pwned")
    page = world.run(["rbkc", "review", str(plan), "--against", "main"])
    assert "What changes against `main`" in page, page
    assert not (world.repository / "pwned").exists()
    # Objects that are missing come from nowhere: the server a repository names may be a command.
    for key, value in {"core.repositoryFormatVersion": "1", "extensions.partialClone": "evil",
                       "remote.evil.promisor": "true", "remote.evil.url": "ext::touch pwned",
                       "protocol.ext.allow": "always", "core.sshCommand": "touch pwned"}.items():
        world.git("config", key, value)
    world.run(["rbkc", "review", "plan.rbk", "--against", "d" * 40], status=3)
    blob = world.git("rev-parse", "main:plan.rbk").strip()
    (world.repository / ".git/objects" / blob[:2] / blob[2:]).unlink()
    said = world.run(["rbkc", "review", "plan.rbk", "--against", "main"], status=3)
    assert "has not fetched it" in said, said
    assert not (world.repository / "pwned").exists()


def main() -> None:
    failed = 0
    missing = [name for name in ("bash", "git", "jq") if not shutil.which(name)]
    if missing:
        print("skipped:", *missing, "not installed")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as folder:
        world = World(pathlib.Path(folder))
        for test in (the_commands_run, the_hook_refuses_what_does_not_compile,
                     hooks_of_pre_commit_name_commands_that_are_there, job_of_github, job_of_gitlab,
                     history_is_only_text):
            try:
                test(world)
            except AssertionError as error:
                failed += 1
                print(f"FAIL {test.__name__}: {error}")
        left = [path.name for path in world.temporary.iterdir()]
        if left:
            failed += 1
            print(f"FAIL left behind: {left}")
    print(f"{failed} failures")
    sys.exit(1 if failed else 0)


main()
