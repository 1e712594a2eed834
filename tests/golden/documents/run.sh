#!/bin/sh
# Golden tests of what rbkc writes for people: runbook, review page, pictures.
#
#   run.sh [--update]
#
# plan.rbk is shown as a runbook (plan.runbook.md), reviewed against old.rbk (plan.review.md) and drawn
# (plan.mermaid, plan.stages.mermaid). Hashes are left out, and the exit table, which is explore's to word.
# The HTML is looked at for its structure, and what comes with the compiler is drawn, too: its pictures
# must be of the part of Mermaid that mermaid_check.py knows. --update writes the expected files anew;
# look at the diff. RBK_BIN is the folder of rbkc.
# shellcheck disable=SC2016  # backticks are those of a page, not of a shell
set -u
export LC_ALL=C.UTF-8 TZ=UTC NO_COLOR=1
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
rbkc=${RBK_BIN:?"set RBK_BIN to the folder of rbkc"}/rbkc
export RBK_STDLIB="${RBK_STDLIB:-$root/stdlib}"
cd "$here" || exit 3
[ -x "$rbkc" ] || { echo "no rbkc at $rbkc" >&2; exit 3; }
update=
[ "${1-}" != --update ] || update=yes
work=$(mktemp -d) || exit 3
trap 'rm -rf "$work"' EXIT
failed=0

fail() {
    echo "FAIL $1"
    failed=$((failed + 1))
}

# golden EXPECTED COMMAND…
golden() {
    expected=$1
    shift
    if ! "$rbkc" "$@" >"$work/out" 2>"$work/err"; then
        fail "rbkc $* ends with a failure"
        cat "$work/err"
        return
    fi
    sed -E -e 's/[0-9a-f]{64}/SHA256/g' -e '/^## How each stage can end/,/^## Waivers/{/^##/!d}' \
        "$work/out" >"$work/shown"
    if [ -n "$update" ]; then
        cp "$work/shown" "$expected"
    elif ! diff -u "$expected" "$work/shown" >"$work/diff"; then
        fail "rbkc $* differs from $expected"
        head -60 "$work/diff"
    fi
}

golden plan.runbook.md runbook plan.rbk
golden plan.review.md review plan.rbk --against old.rbk
golden plan.mermaid graph --format mermaid plan.rbk
golden plan.stages.mermaid graph --format mermaid --stages plan.rbk

# The command to begin with names the plan's file, unless a shell would read the name otherwise.
for name in other.rbk 'a $(b).rbk'; do
    cp "$root/examples/02-it-rolls-back/plan.rbk" "$work/$name"
    "$rbkc" runbook "$work/$name" >>"$work/begins"
done
begins=$(sed -n 's/^\(rbk run [^ ]*\) .*/\1/p' "$work/begins" | tr '\n' ' ')
[ "$begins" = 'rbk run other.rbk rbk run PLAN ' ] || fail "runbooks begin with: $begins"

# Each stage has its ends, each with what follows.
"$rbkc" review plan.rbk >"$work/out"
for name in 'the plan' fewer cents retire; do
    grep -q "^<summary>Ends of <code>$name</code>" "$work/out" || fail "the ends of $name are not told"
done
grep -q '^| apply | a step fails | .*`from_backup`.* | [0-9]' "$work/out" ||
    fail "what follows a failed step is not told"

# Nothing differs from a plan that is only laid out otherwise.
cp -R . "$work/copy"
"$rbkc" fmt "$work/copy/plan.rbk" >/dev/null
"$rbkc" review plan.rbk --against "$work/copy/plan.rbk" >"$work/out"
grep -q '^No difference: both plans mean the same\.$' "$work/out" || fail "layout makes a difference"
sed -i 's/round(price \* 100)/trunc(price * 100)/' "$work/copy/sql/prices.sql"
"$rbkc" review plan.rbk --against "$work/copy/plan.rbk" >"$work/out"
grep -q '^- SQL file `sql/prices.sql` changed: +1 −1 lines$' "$work/out" ||
    fail "a changed SQL file is not told"
sed -i 's/timeout 20s idempotent$/timeout 10s idempotent/' "$work/copy/_shop.rbk"
"$rbkc" review plan.rbk --against "$work/copy/plan.rbk" >"$work/out"
grep -q 'of action `workers` of module `_shop` 10s → 20s' "$work/out" ||
    fail "a changed action is not told"

# A secret's value is in no document, however it is made.
for command in "runbook" "runbook --format html" "review" "graph --format mermaid"; do
    # shellcheck disable=SC2086  # several words
    DATABASE_URL=postgres://top-secret "$rbkc" $command plan.rbk >"$work/out" 2>&1
    ! grep -q top-secret "$work/out" || fail "rbkc $command shows a secret"
done

# One HTML file that needs no other, and in which the plan's text is text.
"$rbkc" runbook --format html plan.rbk >"$work/plan.html"
python3 - "$work/plan.html" <<'PYTHON' || fail "the HTML is not whole"
import html.parser, sys

class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.seen = [], set()
    def handle_starttag(self, tag, attributes):
        self.seen.add(tag)
        names = dict(attributes)
        assert not {"src", "href", "onclick"} & names.keys(), (tag, names)
        if tag not in ("meta", "input", "br"):
            self.open.append(tag)
    def handle_endtag(self, tag):
        assert self.open.pop() == tag, self.getpos()

page = Page()
page.feed(open(sys.argv[1], encoding="utf-8").read())
assert not page.open, page.open
assert "b" not in page.seen and "script" not in page.seen, page.seen
assert {"h1", "h2", "table", "pre", "code", "ul", "input"} <= page.seen, page.seen
PYTHON

# Every picture is Mermaid. Plans that do not compile are for other tests.
for file in plan.rbk "$root"/plans/*/plan.rbk "$root"/examples/*/plan.rbk ../machine/[!_]*.rbk; do
    picture=$work/$(echo "${file#"$root"}" | tr '/.' '__')
    "$rbkc" graph --format mermaid "$file" >"$picture.mermaid" 2>/dev/null || rm "$picture.mermaid"
    "$rbkc" graph --format mermaid --stages "$file" >"$picture.stages.mermaid" 2>/dev/null ||
        rm "$picture.stages.mermaid"
done
python3 mermaid_check.py "$work"/*.mermaid || fail "not the Mermaid that is known"

# A plan with errors gets its page, and exit status 1; so does one that is weaker, when asked.
sed 's/rollback column.*within 2m {/rollback column within 2s {/' plan.rbk >"$work/copy/plan.rbk"
"$rbkc" review "$work/copy/plan.rbk" >"$work/out"
[ $? = 1 ] || fail "a plan with errors gives another exit status than 1"
grep -q '^- \*\*error RBK' "$work/out" || fail "the page does not say what is wrong"
"$rbkc" review plan.rbk --against "$work/copy/plan.rbk" >"$work/out"
grep -q '^The old plan has errors: ' "$work/out" || fail "the page does not say that the old plan has errors"
grep -q 'time of rollback `column` of `cents` 2s → 2m' "$work/out" ||
    fail "a plan with errors is not compared"
"$rbkc" review plan.rbk --against old.rbk --fail-on-weaker >/dev/null
[ $? = 1 ] || fail "--fail-on-weaker passes a weaker plan"

# A page that is too long is shortened, and says so.
python3 - >"$work/copy/long.rbk" <<'PYTHON'
print("plan long { " + "".join(f'''
stage s{i} "{'x' * 60}" {{ kind application risk low unwatched because "short"
    apply within 2m {{ run "do {i} {'y' * 200}" timeout 5s idempotent }}
    verify within 1m {{ check "done" run.exit("done {i}") == 0 timeout 5s }}
    rollback within 2m {{ run "undo {i}" timeout 5s idempotent
        verify {{ check "undone" run.exit("undone {i}") == 0 timeout 5s }} }} }}''' for i in range(40)) + " }")
PYTHON
"$rbkc" review "$work/copy/long.rbk" >"$work/out" 2>&1
[ "$(wc -c <"$work/out")" -le 65000 ] || fail "a long page is not shortened"
grep -q 'Shortened to fit into a comment\|Cut here' "$work/out" || fail "a short page does not say so"
"$rbkc" review --whole "$work/copy/long.rbk" >"$work/whole" 2>&1
[ "$(wc -c <"$work/whole")" -gt 65000 ] || fail "--whole leaves something out"

echo "$failed failures"
[ "$failed" = 0 ]
