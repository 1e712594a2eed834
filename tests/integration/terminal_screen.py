"""A real terminal to look at: tmux on a socket of its own, of a size the test gives, whose contents are captured
as text. What differs from run to run (times, ids, the person) is made the same without moving anything."""

import getpass
import re
import shlex
import subprocess
import time

from box import BIN

TIMES = re.compile(r"\b(?:\d+d \d\dh|\d+h \d\dm|\d+m \d\ds|\d+s|\d+\.\ds|\d+ms)\b")
# Times that stand still: how long the way back takes at worst depends on the stages alone.
STILL = re.compile(r"(?:back in|open,) (?:\d+[dhms] ?)+ at worst|estimate \S+")
RUN = re.compile(r"\b\d{8}-\d{4}-[a-z0-9]{4}\b")
CLOCK = re.compile(r"\b\d\d:\d\d:\d\d\b")
DAY = re.compile(r"\b20\d\d-\d\d-\d\d\b")
# Lines of the log are no table, and tell how long a step took only when that was long.
PRIVATE = 0xE000
LOG = re.compile(r"[\uE000-\uE0FF]*HH:MM:SS|\s{24}")
LOG_SPAN = re.compile(r"\bok in [0-9.]+m?s(?=[\uE000-\uE0FF]*$)")
SGR = re.compile(r"\x1b\[[0-9;]*m")
USER = getpass.getuser()
SECONDS = 20
PICTURE_S = 0.25  # two pictures, and some


class Screen:
    """One pane. Everything waits for contents, never for time, and not for ever."""

    def __init__(self, box, columns, rows, env=None):
        self.box, self.columns, self.rows = box, columns, rows
        self.socket = box.path("tmux")
        self.env = {**box.env, "PATH": f"{BIN}:{box.env['PATH']}", "LC_ALL": "C.UTF-8", **(env or {})}

    def tmux(self, *words, check=True):
        done = subprocess.run(["tmux", "-u", "-S", self.socket, "-f", "/dev/null", *words], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, check=False, timeout=SECONDS, env=self.env)
        if check and done.returncode != 0:
            raise AssertionError(f"tmux {words}: {done.stderr.decode()}")
        return done.stdout.decode()

    def open(self, *words):
        """Run a command; the pane stays when it has ended."""
        command = " ".join(shlex.quote(word) for word in words)
        if "TERM" in self.env:
            command = f"TERM={self.env['TERM']} {command}"
        self.tmux("new-session", "-d", "-x", str(self.columns), "-y", str(self.rows), "-c", self.box.folder,
                  f"{command}; echo ended with $?; exec cat")
        return self

    def resize(self, columns, rows):
        self.columns, self.rows = columns, rows
        self.tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def keys(self, *keys):
        self.tmux("send-keys", *keys)

    def capture(self, colour=False, all_of_it=False):
        return self.tmux("capture-pane", "-p", *(["-e"] if colour else []), *(["-S", "-"] if all_of_it else []))

    def says(self, name):
        return self.tmux("display-message", "-p", "#{" + name + "}").strip()

    def until(self, condition, what):
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            value = condition()
            if value:
                return value
            time.sleep(0.03)
        raise AssertionError(f"waited for {what}; the screen:\n{self.capture(all_of_it=True)}")

    def shows(self, *texts, all_of_it=False):
        self.until(lambda: all(text in self.capture(all_of_it=all_of_it) for text in texts), f"{texts}")

    def still(self, *texts):
        """Wait until the texts are there and nothing but clocks changes for longer than a picture takes; the
        capture, colours and all, and the same without. For what has no last sign to wait for."""
        last, since = [None], [0.0]

        def quiet():
            seen = self.capture(colour=True)
            now = normal(seen)
            if now != last[0]:
                last[0], since[0] = now, time.monotonic()
            return now if time.monotonic() - since[0] > PICTURE_S and all(
                text in SGR.sub("", seen) for text in texts) else None
        coloured = self.until(quiet, f"{texts}, standing still")
        return coloured, SGR.sub("", coloured)

    def close(self):
        subprocess.run(["tmux", "-S", self.socket, "kill-server"], stderr=subprocess.DEVNULL, check=False)


def same_width(line, pattern, token):
    """Put a token for what matches, and give what is gained or lost to the gap before it."""
    at = 0
    while (match := pattern.search(line, at)) is not None:
        spare = len(match.group()) - len(token)
        before, after = line[:match.start()], line[match.end():]
        # A cell of a table is filled behind its text; what stands at the right end, before it.
        if spare > 0 and after.startswith("  "):
            after = " " * spare + after
        elif spare != 0 and (gaps := list(re.finditer("  +", before))) and len(gaps[-1].group()) + spare >= 1:
            end = gaps[-1].end()
            before = before[:end] + " " * spare + before[end:] if spare > 0 else before[:end + spare] + before[end:]
        line = before + token + after
        at = len(before) + len(token)
    return line


def normal_line(line):
    line = RUN.sub("20260101-0000-aaaa", CLOCK.sub("HH:MM:SS", DAY.sub("2026-01-01", line)))
    line = re.sub(r"after \d+ without", "after N without", LOG_SPAN.sub("ok", line))
    kept = STILL.findall(line)
    line = STILL.sub("\0", line)
    line = TIMES.sub("TT", line) if LOG.match(line) else same_width(line, TIMES, "TT")
    for each in kept:
        line = line.replace("\0", each, 1)
    return line.rstrip()


def normal(text):
    """A capture as it is compared. Colours are set aside as one character each, which is part of no word."""
    colours = []

    def aside(match):
        if match.group() not in colours:
            colours.append(match.group())
        return chr(PRIVATE + colours.index(match.group()))
    text = SGR.sub(aside, text.rstrip("\n"))
    text = "\n".join(normal_line(line) for line in text.split("\n")).rstrip("\n") + "\n"
    return re.sub(f"[{chr(PRIVATE)}-{chr(PRIVATE + 255)}]", lambda match: colours[ord(match.group()) - PRIVATE], text)


def block(text, head):
    """From the last line on that begins like this, colours aside."""
    lines = text.split("\n")
    while not SGR.sub("", lines[0]).startswith(head) or any(SGR.sub("", each).startswith(head) for each in lines[1:]):
        lines.pop(0)
    return "\n".join(lines)


def of_others(text, head):
    """Without the log above the block where a person's name would break lines differently."""
    return re.sub(rf"\b{re.escape(USER)}\b", "root", text if len(USER) == len("root") else block(text, head))


__all__ = ["SECONDS", "SGR", "USER", "Screen", "block", "normal", "of_others"]
