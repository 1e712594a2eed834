"""Cases that share a world: (name, function of the world) pairs, played one after the other."""

import re
import time
import traceback


def share(words):
    """What a command line asks for: (part, parts, the other words); PART/PARTS stands first, if at all."""
    part = re.fullmatch(r"(\d+)/(\d+)", words[0]) if words else None
    return (int(part[1]), int(part[2]), words[1:]) if part else (0, 1, words)


def play(cases, world):
    """Each case; a line about each, and a last one. The world is closed. Gives the exit status."""
    passed, failures = 0, []
    try:
        for name, function in cases:
            begin = time.monotonic()
            try:
                function(world)
                passed += 1
                print(f"ok   {name} ({time.monotonic() - begin:.1f} s)", flush=True)
            except Exception:  # a case that breaks in any way has failed
                failures.append(name)
                print(f"FAIL {name}\n{traceback.format_exc()}", flush=True)
    finally:
        world.close()
    print(f"{passed} passed, {len(failures)} failed")
    return 1 if failures else 0
