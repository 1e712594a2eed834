"""Random plans: small, and of every construct that has a say in what a run can do. The same seed gives the same
plan. They are well formed, so that `rbkc check` has nothing against them but warnings."""

import random


class Writer:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.asking = random.Random(-seed - 1)  # what it chooses leaves the rest of a plan as it was
        self.lines = []
        self.steps = 0

    def put(self, indent, text):
        self.lines.append("    " * indent + text)

    def chance(self, share):
        return self.random.random() < share

    def one(self, *choices):
        return self.random.choice(choices)


def others(w):
    """Whom silence asks next, or nobody."""
    return w.asking.choice(("", "ask boss within 1m else "))


def rule(w):
    """How a crash of a command is resolved."""
    return w.one("idempotent", "idempotent", 'done when file.exists("done")',
                 "in doubt ask ops within 5m else " + others(w) + w.asking.choice(("abort", "abort", "pause")), "")


def effect(w, indent, retry=True):
    w.steps += 1
    words = [f'run "touch step_{w.steps}"', f"timeout {w.one(10, 20, 30)}s"]
    if retry and w.chance(0.3):
        words.append(f"retry {w.one(1, 2)} every 1s")
    words.append(rule(w))
    if w.chance(0.1):
        words.append('optional because "it is only tidy"')
    w.put(indent, " ".join(word for word in words if word))


def step(w, indent, depth=0):
    kind = w.one("effect", "effect", "effect", "sql", "sql", "if", "if", "manual", "let", "parallel")
    if kind in ("if", "parallel") and depth:
        kind = "effect"
    if kind == "sql":
        w.put(indent, f'sql db "UPDATE rows SET n = {w.one(1, 2, 3)} WHERE n = 0" timeout 20s')
    elif kind == "let":
        w.steps += 1
        w.put(indent, f'let _seen_{w.steps} = file.exists("there") timeout 5s')
    elif kind == "manual":
        w.put(indent, f'manual "do it by hand" by ops within 5m else '
                      f'{w.one("", "", "ask ops within 1m else ")}{w.one("abort", "pause")}')
    elif kind == "if":
        w.put(indent, 'if file.exists("there") {')
        effect(w, indent + 1)
        if w.chance(0.5):
            w.put(indent, "} else {")
            effect(w, indent + 1)
        w.put(indent, "}")
    elif kind == "parallel":
        w.put(indent, "parallel {")
        for _ in range(2):
            effect(w, indent + 1, retry=False)
        w.put(indent, "}")
    else:
        effect(w, indent)


def check(w, indent):
    w.put(indent, f'check "it is so" file.exists("there") == {w.one("true", "false")} '
                  f'{w.one("", "retry 2 every 2s")} timeout 20s')


def rollback(w, number, name, condition):
    head = "rollback" + (f" {name}" if name else "") + (f" when {condition}" if condition else "")
    w.put(2, f"{head} within 30m {{")
    for _ in range(1 if w.chance(0.8) else 2):
        effect(w, 3)
    w.put(3, "verify {")
    check(w, 4)
    w.put(3, "}")
    w.put(2, "}")


def stage(w, number, count):
    w.put(1, f"stage s{number} {{")
    if number and w.chance(0.4 if count < 3 else 0.2):
        w.put(2, w.one("after nothing", f"after s{w.random.randrange(number)}"))
    w.put(2, 'unwatched because "a random plan"')
    if w.chance(0.3):
        w.put(2, f'approve ops within 5m else {w.one("", "", "ask ops within 1m else ")}'
                 f'{w.one("abort", "cancel", "pause")}')
    if w.chance(0.2):
        w.put(2, "attempts 2 every 1m")
    if w.chance(0.2):
        w.put(2, 'require "ready" file.exists("ready")')
    if w.chance(0.2):
        w.put(2, "prepare within 5m {")
        w.steps += 1
        w.put(3, f'let _before_{w.steps} = file.exists("before")')
        w.put(2, "}")
    w.put(2, "apply within 60m {")
    for _ in range(0 if count > 2 else w.one(0, 1)):
        step(w, 3)
    effect(w, 3)
    w.put(2, "}")
    w.put(2, "verify within 5m {")
    check(w, 3)
    w.put(2, "}")
    if w.chance(0.3):
        w.put(2, f'trigger t{number} when file.exists("bad_{number}") every 10s then '
                 f'{w.one("rollback", "abort", "pause", "abort with approval of ops within 2m else pause")}')
    if w.chance(0.3):
        rollback(w, number, "first", w.one('file.exists("open")', None))
    rollback(w, number, "last" if w.chance(0.5) else "", None)
    w.put(1, "}")


def random_plan(seed):
    """The text of a plan."""
    w = Writer(seed)
    count = w.one(1, 1, 1, 2, 2, 3)
    w.put(0, f"plan random_{seed} {{")
    w.put(1, f'title "Random plan {seed}"')
    w.put(1, 'connection db = sqlite("rows.db")')
    w.put(1, 'role ops { contact "ops@example.com" }')
    w.put(1, 'role boss { contact "boss@example.com" }')
    if w.chance(0.3):
        w.put(1, f"held at most 30m else {others(w)}{w.one('abort', 'cancel')}")
    if w.chance(0.3):
        w.put(1, f'trigger bad when file.exists("bad") every 10s then {w.one("abort", "pause")}')
    if w.chance(0.2):
        w.put(1, "abort when rollbacks > 2")
    for number in range(count):
        stage(w, number, count)
    if w.chance(0.3):
        w.put(1, "observe 1h")
    if w.chance(0.3):
        w.put(1, "grace 2h")
        if w.chance(0.6):
            w.put(1, 'retire "Remove what was kept" {')
            w.put(2, "approve ops within 1h else keep")
            w.put(2, "apply within 5m {")
            effect(w, 3)
            w.put(2, "}")
            w.put(2, "verify within 1m {")
            check(w, 3)
            w.put(2, "}")
            w.put(1, "}")
    w.put(0, "}")
    return "\n".join(w.lines) + "\n"


if __name__ == "__main__":
    import sys
    print(random_plan(int(sys.argv[1])), end="")
