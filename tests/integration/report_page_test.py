"""The HTML report as a browser lays it out: a completed run, one that turned round, a stuck one, on a wide and on a
narrow window. One Chromium, started once, loads a page of frames (as wide as each window) and measures them: every
stage is there, every bar has a size, lies in the picture and beside its row, nothing sticks out, no sign covers
another, and nothing was fetched.

Where Chromium is not installed the test is skipped (77); RBK_KEEP_PICTURES=FOLDER keeps pictures to look at.

    report_page_test.py [--keep]
"""

import html
import json
import os
import re
import shutil
import subprocess
import sys

from box import Box, check, plan
from report_test import COMPLETED, STUCK, drive, report

WIDTHS = (1280, 400)
BROWSER = next((path for path in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if path), None)
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
         "--hide-scrollbars", "--host-resolver-rules=MAP * ~NOTFOUND"]

# Measures the frames. It is in the page of frames, not in a report: those allow no script.
SCRIPT = """
function box(e) { const r = e.getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom]; }
onload = () => {
  const found = [...document.querySelectorAll('iframe')].map(frame => {
    const page = frame.contentDocument, root = page.documentElement, svg = page.querySelector('.picture svg[viewBox]');
    return {
      name: frame.name, width: frame.clientWidth, scroll: Math.max(root.scrollWidth, page.body.scrollWidth),
      title: page.querySelector('h1').innerText, svg: box(svg), scrolls: svg.parentElement.clientWidth < svg.clientWidth,
      labels: [...svg.querySelectorAll('.label')].map(e => [e.firstChild.data, ...box(e)]),
      bars: [...svg.querySelectorAll('rect.bar')].map(e => [e.getAttribute('class'), ...box(e)]),
      fills: [...svg.querySelectorAll('rect.bar')].map(e => getComputedStyle(e).fill),
      signs: [...svg.querySelectorAll('.sign text')].map(e => [e.textContent, ...box(e)]),
      listed: [...page.querySelectorAll('ol.signs li b')].map(e => e.innerText),
      headings: [...page.querySelectorAll('h2')].map(e => e.innerText),
      tables: [...page.querySelectorAll('table')].map(e => [box(e), e.scrollWidth - e.clientWidth]),
      sizes: [...page.querySelectorAll('p, td, li, dd')].map(e => parseFloat(getComputedStyle(e).fontSize)),
      fetched: frame.contentWindow.performance.getEntriesByType('resource').length,
    };
  });
  const out = document.createElement('pre');
  out.id = 'found';
  out.textContent = JSON.stringify(found);
  document.body.replaceChildren(out);
};
"""


def browse(box, *words):
    profile = box.path("profile")
    done = subprocess.run([BROWSER, *FLAGS, f"--user-data-dir={profile}", *words], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, check=False,
                          env={**os.environ, "HOME": box.folder})
    shutil.rmtree(profile, ignore_errors=True)
    return done


def over(a, b):
    """Whether two boxes lie over each other by more than a hair."""
    return min(a[2], b[2]) - max(a[0], b[0]) > 1 and min(a[3], b[3]) - max(a[1], b[1]) > 1


def judge(found, stages):
    name = found["name"]
    check(found["scroll"] <= found["width"], f"{name}: sticks out: {found['scroll']} of {found['width']} pixels")
    check([label[0] for label in found["labels"]] == ["the run", *stages], f"{name}: rows {found['labels']}")
    check(found["fetched"] == 0, f"{name}: fetched {found['fetched']} things")
    left, top, right, bottom = found["svg"]
    check(bottom - top > 80 and right - left > 300, f"{name}: the picture is too small: {found['svg']}")
    check(found["bars"], f"{name}: no bars")
    rows = [(label[2] + label[4]) / 2 for label in found["labels"]]
    for kind, *at in found["bars"]:
        check(at[2] - at[0] > 0.5 and at[3] - at[1] > 2, f"{name}: {kind} cannot be seen: {at}")
        check(left - 1 <= at[0] and at[2] <= right + 1 and top <= at[1] and at[3] <= bottom, f"{name}: {kind} lies outside: {at}")
        check(min(abs(row - (at[1] + at[3]) / 2) for row in rows) < 6, f"{name}: {kind} is beside no row: {at}")
    check(not set(found["fills"]) & {"rgb(0, 0, 0)", "none"}, f"{name}: a bar has no colour: {set(found['fills'])}")
    for number, label in enumerate(found["labels"]):
        check(left - 1 <= label[1], f"{name}: {label} is cut off")
        for other in found["labels"][:number]:
            check(not over(label[1:], other[1:]), f"{name}: {label} lies over {other}")
    for number, sign in enumerate(found["signs"]):
        for other in found["signs"][:number]:
            check(not over(sign[1:], other[1:]), f"{name}: sign {sign} lies over {other}")
    check([sign[0] for sign in found["signs"]] == found["listed"], f"{name}: {found['listed']} are listed")
    check({"Summary", "Decisions", "Durations", "Everything that happened"} <= set(found["headings"]), found["headings"])
    for at, _ in found["tables"]:
        check(at[2] <= found["width"] + 1, f"{name}: a table sticks out: {at}")
    check(min(found["sizes"]) >= 11, f"{name}: letters of {min(found['sizes'])} pixels")


def make_reports(box):
    """Three runs, each in a store of its own."""
    aborted = plan('run "touch made" timeout 5s idempotent', head='abort when rollbacks >= 1 "it went back"').replace(
        'file.exists("made") }\n        rollback', 'file.exists("never made") }\n        rollback')
    box.write("twice.sh", "exit 0")
    made = {}
    for name, text, status in (("completed", COMPLETED, 0), ("aborted", aborted, 10), ("stuck", STUCK, 20)):
        box.env["RBK_STORE"] = box.path(f"{name}/store.db")
        drive(box, text, status)
        made[name] = report(box, "html")
        check(not re.search(r"(?i)\b(src|href|action|srcset|xlink:href)\s*=|@import|<script|javascript:|url\((?!#)", made[name]), name)
    return made


def main():
    if BROWSER is None:
        print("skipped: Chromium is not installed")
        return 77
    box = Box()
    try:
        made = make_reports(box)
        frames = "".join(f'<iframe name="{name} {width}" width="{width}" height="3000" srcdoc="{html.escape(text)}"></iframe>'
                         for name, text in made.items() for width in WIDTHS)
        box.write("frames.html", f"<!DOCTYPE html><meta charset=utf-8><style>iframe {{ border: 0 }}</style>"
                                 f"<body>{frames}<script>{SCRIPT}</script>")
        done = browse(box, "--window-size=1300,3000", "--virtual-time-budget=5000", "--dump-dom", "file://" + box.path("frames.html"))
        found = re.search(r'<pre id="found">(.*?)</pre>', done.stdout.decode(), re.S)
        check(found, f"the browser said {done.returncode}\n{done.stdout[-500:]}\n{done.stderr[-2000:]}")
        found = json.loads(html.unescape(found.group(1)))
        check(len(found) == len(made) * len(WIDTHS), f"{len(found)} frames")
        for each in found:
            judge(each, ["only"])
        stuck = [each for each in found if each["name"].startswith("stuck")]
        check(all(any("stuck" in bar[0] for bar in each["bars"]) for each in stuck), "no bar for a stuck stage")
        if os.environ.get("RBK_KEEP_PICTURES"):
            for name, text in made.items():
                box.write(f"{name}.html", text)
                browse(box, "--window-size=1280,2400", "--screenshot=" + os.path.join(os.environ["RBK_KEEP_PICTURES"], f"{name}.png"),
                       "file://" + box.path(f"{name}.html"))
        print(f"{len(found)} pages measured")
    finally:
        box.close("--keep" in sys.argv)
    return 0


if __name__ == "__main__":
    sys.exit(main())
