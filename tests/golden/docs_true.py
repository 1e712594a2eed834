#!/usr/bin/env python3
"""What the documents name exists: links and their anchors, functions and files of docs/internals.md, commands and
options of programs in every document and manual page.

The programs are asked for their own --help; RBK_BIN is their folder.
"""
import functools
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ["RBK_BIN"])
# What a run makes, and a name that stands for many.
NOT_OURS = {"readings.json", "docs/rules/RBKnnn.md"}
failures = []


def fail(place, text):
    failures.append(f"FAIL {place}: {text}")


def documents():
    names = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", "*.md"], cwd=ROOT,
                           capture_output=True, text=True, check=False).stdout.split()
    found = names or [str(path.relative_to(ROOT)) for path in ROOT.rglob("*.md") if "build" not in path.parts]
    return {name: (ROOT / name).read_text(encoding="utf-8") for name in found
            if (ROOT / name).exists() and not name.startswith("tests/")}


# ---- links ----------------------------------------------------------------------------------------------

def prose(text):
    """Without blocks and spans of code, which may look like links."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    return re.sub(r"`[^`\n]*`", "", text)


@functools.lru_cache(maxsize=None)
def anchors(name):
    """The anchors that a page's headings get on the usual sites."""
    text = re.sub(r"^```.*?^```$", "", (ROOT / name).read_text(encoding="utf-8"), flags=re.M | re.S)
    found = set()
    for heading in re.findall(r"^#+ +(.*)$", text, flags=re.M):
        plain = re.sub(r"[^\w\- ]", "", heading.strip().lower())
        found.add(plain.replace(" ", "-"))
    return found


def check_links(name, text):
    count = 0
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(text)):
        if re.match(r"[a-z]+:", target):
            continue
        count += 1
        path, _, anchor = target.partition("#")
        page = (ROOT / name).parent / path if path else ROOT / name
        if not page.exists():
            fail(name, f"the link {target} leads nowhere")
        elif anchor and page.suffix == ".md" and anchor not in anchors(str(page.resolve().relative_to(ROOT))):
            fail(name, f"the page of {target} has no such heading")
    return count


# ---- the names of internals.md --------------------------------------------------------------------------

def sources():
    return [path for folder in ("compiler", "grammar", "runtime", "tests", "cmake", "docs", "scripts", "stdlib")
            for path in (ROOT / folder).rglob("*") if path.is_file()]


def defined(paths):
    """The functions that are defined: at the beginning of a line, behind a type, and a body begins."""
    found = set()
    for path in paths:
        found |= set(re.findall(r"^(?:[a-z][\w \*]*[ \*])?([a-z_]\w*)\([^;{}]*\)\n\{",
                                path.read_text(encoding="utf-8"), flags=re.M))
    return found


def check_diagram():
    """The comment on top of step.c leaves `rbk_step_` out of the names."""
    text = (ROOT / "runtime/core/step.c").read_text(encoding="utf-8").split("*/", 1)[0]
    there = defined((ROOT / "runtime/core").glob("step*.c"))
    functions = set(re.findall(r"\b([a-z_][a-z0-9_]*)\(\)", text)) - {"step"}
    for function in sorted(functions):
        if function not in there and "rbk_step_" + function not in there:
            fail("runtime/core/step.c", f"its diagram has a function {function}() that is not there")
    return len(functions)


def check_names(files):
    name = "docs/internals.md"
    text = (ROOT / name).read_text(encoding="utf-8")
    there = defined(path for path in files if path.suffix == ".c" and "tests" not in path.relative_to(ROOT).parts)
    count = 0
    for function in sorted(set(re.findall(r"\b([a-z_][a-z0-9_]*)\(\)", text))):
        count += 1
        if function not in there:
            fail(name, f"there is no function {function}()")
    paths = [str(path.relative_to(ROOT)) for path in files]
    for span in sorted(set(re.findall(r"`([\w/.*-]+\.(?:c|h|l|y|py|sh|md|json|cmake|rbk))`", text))):
        count += 1
        pattern = re.compile("(^|/)" + re.escape(span).replace(r"\*", "[^/]*") + "$")
        if span not in NOT_OURS and not any(pattern.search(path) for path in paths):
            fail(name, f"there is no file {span}")
    return count


# ---- commands and options -------------------------------------------------------------------------------

def help_of(*words):
    return subprocess.run([BIN / words[0], *words[1:], "--help"], capture_output=True, text=True, check=False).stdout


@functools.lru_cache(maxsize=None)
def options_of(program):
    """{command: its options} as --help has them, and those of all commands under None."""
    commands = re.findall(r"^  ([a-z]+)  +\S", help_of(program), flags=re.M)
    found = {None: {"--help", "--version", "--usage"}}
    for command in commands:
        found[command] = set(re.findall(r"--[a-z][a-z-]*", help_of(program, command))) | found[None]
    return found


def check_commands(name, text):
    """`rbk run --set x`: the command exists, and has the options that follow on the line."""
    count = 0
    for program, command, rest in re.findall(r"(?:^|[`$ ])(rbkc?) ([a-z]+)((?: [^`#|\n]*)?)", text, flags=re.M):
        known = options_of(program)
        if command not in known:
            continue
        for option in re.findall(r"(?<=[ \[(])--[a-z][a-z-]*", rest):
            count += 1
            if option not in known[command] and not re.search(r"\brbkc? |[;&|]", rest[:rest.index(option)]):
                fail(name, f"`{program} {command}` has no option {option}")
    return count


def check_manual(program):
    """Each command of rbk has a manual page, which has every option; and each completion has them all."""
    count = 0
    places = {shell: (ROOT / "completions" / shell).read_text(encoding="utf-8")
              for shell in ("rbk.bash", "_rbk", "rbk.fish")}
    for command, options in options_of(program).items():
        if command is None:
            continue
        page = ROOT / "docs/man" / f"{program}-{command}.1"
        if not page.exists():
            fail(page.name, "is missing")
            continue
        text = page.read_text(encoding="utf-8")
        other = re.match(r"\.so man1/(\S+)", text)
        if other:
            text = (ROOT / "docs/man" / other[1]).read_text(encoding="utf-8")
        for other in re.findall(r"options are those of\n\.BR (rbk\S+) \(1\)", text):
            text += (ROOT / "docs/man" / (other.replace("\\", "") + ".1")).read_text(encoding="utf-8")
        for shell, content in places.items():
            if not re.search(rf"\b{command}\b", content):
                fail(shell, f"does not know {command}")
        for option in sorted(options - options_of(program)[None]):
            count += 1
            if option.replace("-", r"\-") not in text:
                fail(page.name, f"does not know {option}")
            for shell, content in places.items():
                if (f"-l {option[2:]}" if shell == "rbk.fish" else option) not in content:
                    fail(shell, f"does not know {command} {option}")
    return count


def main():
    count = 0
    for name, text in documents().items():
        count += check_links(name, text)
        count += check_commands(name, text)
    for page in sorted((ROOT / "docs/man").glob("*.[15]")):
        text = page.read_text(encoding="utf-8").replace("\\-", "-").replace("\\fB", "").replace("\\fR", "")
        count += check_commands(page.name, text)
    count += check_names(sources()) + check_diagram()
    count += check_manual("rbk")
    print("\n".join(failures + [f"{count} names, {len(failures)} failures"]))
    return 1 if failures or count < 100 else 0


sys.exit(main())
