#!/usr/bin/env python3
"""clang-tidy over the C files of a build, each only when it could say something new: scripts/tidy.py BUILD FILE…

Of each FILE that BUILD/compile_commands.json compiles, and of each different way in which it does, the text that the
compiler sees is hashed: the preprocessed source without comments and line ends of headers but with all definitions of
macros, the file itself as it stands, the suppressions in our headers, the flags, the checks and the version of
clang-tidy. What had no finding is remembered under that hash in BUILD/tidy and not looked at again; what had one is.
The static analyzer takes nearly all the time, so a second run costs seconds instead of a quarter of an hour.

The exit status is 1 if anything was found. Findings go to stdout, what clang-tidy says besides to BUILD/clang-tidy.log.
"""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import shlex
import subprocess
import sys
import time

# What nobody asked for in this long was written for a source that is gone.
KEPT_SECONDS = 60 * 24 * 3600


def flags_of(entry):
    """The arguments of a compilation, without compiler, input and output."""
    words = entry.get("arguments") or shlex.split(entry["command"])
    flags, skip = [], True  # the first word is the compiler, or what launches it
    for index, word in enumerate(words):
        if skip and not word.startswith("-"):
            continue
        if word == "-o" or (index > 0 and words[index - 1] == "-o") or word in ("-c", entry["file"]):
            continue
        skip = False
        flags.append(word)
    return flags


def jobs_of(build, wanted):
    """(directory, file, flags), each once: a file that several programs compile alike is one job."""
    jobs = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        name = os.path.realpath(os.path.join(entry["directory"], entry["file"]))
        if name in wanted:
            flags = flags_of(entry)
            jobs[(entry["directory"], name, tuple(flags))] = None
    return list(jobs)


def common_state(headers):
    """What every result depends on beside the source itself."""
    state = hashlib.sha256(subprocess.run(["clang-tidy", "--version"], check=True, capture_output=True).stdout)
    state.update(pathlib.Path(".clang-tidy").read_bytes())
    state.update(pathlib.Path(__file__).read_bytes())
    for header in sorted(headers):
        for line in pathlib.Path(header).read_bytes().splitlines():
            if b"NOLINT" in line:
                state.update(header.encode() + b"\0" + line + b"\n")
    return state.digest()


def key_of(job, state):
    """The hash of all that clang-tidy sees of a job; None where it cannot be told."""
    directory, name, flags = job
    seen = subprocess.run(["clang", "-E", "-dD", "-P", "-w", *flags, name], cwd=directory, capture_output=True,
                          check=False)
    if seen.returncode != 0:
        return None
    key = hashlib.sha256(state)
    key.update("\0".join((name, *flags)).encode() + b"\0")
    key.update(seen.stdout)
    key.update(pathlib.Path(name).read_bytes())
    return key.hexdigest()


def look(job):
    directory, name, flags = job
    return subprocess.run(["clang-tidy", "--quiet", name, "--", *flags], cwd=directory, capture_output=True, text=True,
                          check=False)


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    files = [name for name in sys.argv[2:] if os.path.exists(name)]  # git lists what was removed just now, too
    kept = build / "tidy"
    kept.mkdir(exist_ok=True)
    state = common_state([name for name in files if name.endswith(".h")])
    jobs = jobs_of(build, {os.path.realpath(name) for name in files if name.endswith(".c")})
    found = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool, \
            open(build / "clang-tidy.log", "w", encoding="utf-8") as log:
        due, same = {}, set()
        for job, key in zip(jobs, pool.map(lambda job: key_of(job, state), jobs)):
            if key is not None and (kept / key).exists():
                os.utime(kept / key)
                same.add(key)
            elif key is None or key not in due.values():
                due[job] = key
        print(f"clang-tidy: {len(due)} to look at, {len(same)} as they were", flush=True)
        # The longest first, so that no core waits for the last one.
        order = sorted(due, key=lambda job: -os.path.getsize(job[1]))
        running = {pool.submit(look, job): job for job in order}
        for future in concurrent.futures.as_completed(running):
            result = future.result()
            log.write(result.stderr)
            if result.returncode != 0 or "warning:" in result.stdout or "error:" in result.stdout:
                found = 1
                print(result.stdout or result.stderr, end="", flush=True)
            elif due[running[future]] is not None:
                (kept / due[running[future]]).touch()
    old = time.time() - KEPT_SECONDS
    for entry in kept.iterdir():
        if entry.stat().st_mtime < old:
            entry.unlink()
    return found


sys.exit(main())
