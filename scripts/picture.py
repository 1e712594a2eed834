#!/usr/bin/env python3
"""A terminal's screen as SVG, for the README:

    tmux capture-pane -e -p | scripts/picture.py COLUMNS >docs/run.svg
"""

import re
import sys
from html import escape

WIDTH, HEIGHT, MARGIN = 8.4, 19, 14
COLOURS = {"31": "#f0787d", "32": "#8fcf8b", "33": "#e5c07b", "35": "#d19bdf", "36": "#79c7d6"}


def style(codes, now):
    """The style after an SGR sequence: (colour, bold, dim)."""
    colour, bold, dim = now
    for code in codes.split(";"):
        if code in ("", "0"):
            colour, bold, dim = None, False, False
        elif code == "1":
            bold = True
        elif code == "2":
            dim = True
        elif code in COLOURS:
            colour = COLOURS[code]
        elif code == "39":
            colour = None
    return colour, bold, dim


def spans(line):
    """The pieces of a line: (column, text, style)."""
    now, column = (None, False, False), 0
    for piece in re.split(r"(\x1b\[[0-9;]*m|\x0e|\x0f)", line):
        if piece.startswith("\x1b["):
            now = style(piece[2:-1], now)
        elif piece and piece not in "\x0e\x0f":
            # Words that stand apart are placed apart: not every viewer keeps rows of blanks.
            for word in re.finditer(r"\S+(?: \S+)*", piece):
                yield column + word.start(), word[0], now
            column += len(piece)


def main():
    columns = int(sys.argv[1])
    lines = sys.stdin.read().rstrip("\n").split("\n")
    width, height = columns * WIDTH + 2 * MARGIN, len(lines) * HEIGHT + 2 * MARGIN
    print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" width="{width:.0f}" '
          f'height="{height}" role="img" aria-label="a run of a plan on a terminal">')
    print('<rect width="100%" height="100%" rx="8" fill="#1f2329"/>')
    print('<g font-family="ui-monospace, SFMono-Regular, Menlo, DejaVu Sans Mono, monospace" font-size="14" '
          'fill="#d7dae0">')
    for row, line in enumerate(lines):
        y = MARGIN + HEIGHT * (row + 0.75)
        for column, text, (colour, bold, dim) in spans(line):
            shape = f' fill="{colour}"' if colour else ""
            shape += ' font-weight="bold"' if bold else ""
            shape += ' opacity="0.6"' if dim else ""
            print(f'<text x="{MARGIN + column * WIDTH:.1f}" y="{y:.1f}" textLength="{len(text) * WIDTH:.1f}" '
                  f'lengthAdjust="spacingAndGlyphs"{shape}>{escape(text)}</text>')
    print("</g>\n</svg>")


if __name__ == "__main__":
    main()
