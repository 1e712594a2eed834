#!/bin/sh
# Golden tests of `rbkc times`: X.times is what it prints about X.rbk, whole text, X.json the same as
# JSON, which docs/times.schema.json describes (times_test.py holds it to that).
#
#   run.sh [--update] [X.rbk…]
#
# design_page.rbk is the plan of the design's language page, word for word; its figures are worked
# out by hand in README.md. --update writes the expected files anew; look at the diff. RBK_BIN is
# the folder of rbkc.
set -u
export LC_ALL=C TZ=UTC NO_COLOR=1
here=$(cd "$(dirname "$0")" && pwd)
rbkc=${RBK_BIN:?"set RBK_BIN to the folder of rbkc"}/rbkc
export RBK_STDLIB="${RBK_STDLIB:-$here/../../../stdlib}"
cd "$here" || exit 3
[ -x "$rbkc" ] || { echo "no rbkc at $rbkc" >&2; exit 3; }

update=
if [ "${1-}" = --update ]; then
    update=yes
    shift
fi
work=$(mktemp -d) || exit 3
trap 'rm -rf "$work"' EXIT
failed=0

# compare PLAN FORMAT EXPECTED
compare() {
    "$rbkc" times --format "$2" "$1" >"$work/out" 2>"$work/said"
    status=$?
    if [ "$status" -gt 1 ]; then
        echo "FAIL $1: exit status $status"
        cat "$work/said"
        failed=$((failed + 1))
    elif [ -n "$update" ]; then
        cp "$work/out" "$3"
    elif ! diff -u "$3" "$work/out"; then
        echo "FAIL $1: differs from what is expected"
        failed=$((failed + 1))
    fi
}

[ $# -gt 0 ] || set -- *.rbk
for plan in "$@"; do
    compare "$plan" human "${plan%.rbk}.times"
    compare "$plan" json "${plan%.rbk}.json"
done
[ "$failed" = 0 ]
