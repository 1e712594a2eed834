"""Whether files are of the small part of Mermaid's flowchart language that rbkc writes.

mermaid_check.py FILE… Stricter than Mermaid: each line is of a known form, every node and class that is
used was declared, subgraphs end, and a label has no character with a meaning of its own.
"""
import re
import sys

LABEL = r'"(?:[^"#&;<>`\\%{}\[\]()|~@$*]|#\d+;|<br/>)*"'
NODE = r"[a-z]\w*"
LINES = [
    ("class", re.compile(r"classDef (\w+) fill:#[0-9a-f]{6},stroke:#555,color:#111")),
    ("subgraph", re.compile(rf"subgraph ({NODE})\[{LABEL}\]")),
    ("end", re.compile(r"end")),
    ("node", re.compile(rf"({NODE})(?:\[{LABEL}\]|\(\[{LABEL}\]\)|\{{\{{{LABEL}\}}\}})(?::::(\w+))?")),
    ("edge", re.compile(rf"({NODE}) (?:-->|==>|-\.->)(?:\|{LABEL}\|)? ({NODE})")),
]
RESERVED = {"end", "graph", "subgraph", "class", "default", "style", "click"}


def check(text: str) -> str | None:
    lines = text.splitlines()
    if not lines or lines[0] != "flowchart TB":
        return "does not begin with a flowchart"
    nodes, classes, edges, depth = set(), set(), [], 0
    for number, line in enumerate(lines[1:], 2):
        for kind, form in LINES:
            match = form.fullmatch(line.strip())
            if match:
                break
        else:
            return f"line {number} is unknown: {line}"
        if kind == "class":
            classes.add(match[1])
        elif kind == "node":
            if match[1] in nodes or match[1] in RESERVED:
                return f"line {number}: {match[1]} cannot be declared"
            nodes.add(match[1])
            if match[2] and match[2] not in classes:
                return f"line {number}: no class {match[2]}"
        elif kind == "edge":
            edges.append((number, match[1], match[2]))
        else:
            depth += 1 if kind == "subgraph" else -1
            if depth not in (0, 1):
                return f"line {number}: subgraphs do not nest"
    for number, start, end in edges:
        if start not in nodes or end not in nodes:
            return f"line {number}: an edge of an unknown node"
    return "a subgraph does not end" if depth else None


faults = [f"{path}: {fault}" for path in sys.argv[1:] if (fault := check(open(path, encoding="utf-8").read()))]
sys.exit("\n".join(faults) if faults else 0)
