#!/bin/sh
# shellcheck disable=SC2016  # backticks that rbkc writes, not a command
# What `rbkc explore` and `rbkc check` say of exploration on the command line. RBK_BIN is the folder
# of rbkc.
set -u
export LC_ALL=C.UTF-8 TZ=UTC NO_COLOR=1
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
rbkc=${RBK_BIN:?"set RBK_BIN to the folder of rbkc"}/rbkc
export RBK_STDLIB="${RBK_STDLIB:-$root/stdlib}"
[ -x "$rbkc" ] || { echo "no rbkc at $rbkc" >&2; exit 3; }
work=$(mktemp -d) || exit 3
trap 'rm -rf "$work"' EXIT
plan=$root/plans/lead_cutover/plan.rbk
failed=0

# expect STATUS TEXT WORD…: the command ends so, and TEXT stands in what it writes.
expect() {
    status=$1
    text=$2
    shift 2
    "$@" >"$work/out" 2>&1
    found=$?
    if [ $found != "$status" ] || ! grep -qF -e "$text" "$work/out"; then
        echo "FAIL $* ended with $found, expected $status and: $text"
        head -n 20 "$work/out"
        failed=$((failed + 1))
    fi
}

expect 0 'every promise holds, wherever the run stops' "$rbkc" explore "$plan"
expect 0 'rolled back: `down`, else `from_backup`, else it is stuck' "$rbkc" explore "$plan"
expect 1 'not fully explored' "$rbkc" explore --states 50 "$plan"
expect 1 'not fully explored' "$rbkc" explore --memory 100000 "$plan"
expect 1 '[RBK150]' "$rbkc" check --states 50 --format gcc "$plan"
"$rbkc" check --no-explore --format gcc "$plan" || failed=$((failed + 1))
expect 2 'a number above 0' "$rbkc" check --no-explore --states 50 "$plan"
expect 2 'a number above 0' "$rbkc" check --states 0 "$plan"
expect 2 'a number above 0' "$rbkc" explore --states 0 "$plan"
expect 2 'expected human or json' "$rbkc" explore --format xml "$plan"
expect 2 'expected one plan' "$rbkc" explore
expect 3 'no-such-plan' "$rbkc" explore "$work/no-such-plan.rbk"

"$rbkc" explore --format json "$plan" >"$work/json" || failed=$((failed + 1))
python3 - "$work/json" <<'PYTHON' || failed=$((failed + 1))
import json, sys
with open(sys.argv[1]) as file:
    found = json.load(file)
assert found["format_version"] == 1 and found["complete"] and not found["violations"], found
assert found["states"] > 100 and found["unexplored"] == 0
rows = [row for row in found["exits"] if row["stage"] == "migrate" and row["during"] == "apply"]
assert {"step_failed", "time_out", "interrupted", "aborted", "crashed"} <= {row["exit"] for row in rows}, rows
failing = next(row for row in rows if row["exit"] == "step_failed")
assert "stuck" in failing["ends"] and "aborted" in failing["ends"], failing
assert failing["worst_ms"] > 0 and failing["place"]["line"] > 0, failing
PYTHON

# A plan too long for a check is not green: what was not looked at is said, and how to look at it.
{
    echo 'plan long {'
    echo '    connection db = postgres("postgresql://localhost/long")'
    for i in $(seq 201); do
        echo "    stage s$i \"S\" {"
        echo "        unwatched because \"a test\""
        echo "        apply within 1m { sql db \"UPDATE t SET x = $i WHERE id = $i\" }"
        echo "        verify within 1m { check \"done\" sql.value(db, \"SELECT x FROM t WHERE id = $i\") == $i }"
        echo "        rollback within 1m {"
        echo "            sql db \"UPDATE t SET x = 0 WHERE id = $i\""
        echo "            verify { check \"back\" sql.value(db, \"SELECT x FROM t WHERE id = $i\") == 0 }"
        echo "        }"
        echo "    }"
    done
    echo '}'
} >"$work/long.rbk"
expect 1 'the plan was not explored' "$rbkc" check --format gcc "$work/long.rbk"
"$rbkc" check --no-explore --format gcc "$work/long.rbk" || failed=$((failed + 1))
"$rbkc" check --states 500000 --format gcc "$work/long.rbk" || failed=$((failed + 1))

# Who of several people answers, and in which order, makes no states: they are alike.
sed -e 's/2 of //' -e 's/ four eyes//' "$here/machine/asked_on.rbk" >"$work/alike.rbk"
"$rbkc" explore "$here/machine/asked_on.rbk" | head -n 1 >"$work/people"
"$rbkc" explore "$work/alike.rbk" | head -n 1 | cmp - "$work/people" || failed=$((failed + 1))

[ "$failed" = 0 ] && echo "all held"
[ "$failed" = 0 ]
