#!/bin/sh
# Golden tests of lowering: the machine of each plan in this folder, whole text.
#
#   run.sh [--update] [FILE.rbk…]
#
#   X.rbk            `rbkc build` makes X.machine of it, the same bytes every time
#   refused/X.rbk    compiles, but cannot be carried out: exit status 1, and the output is X.diag
#
# Besides: formatting and comments change nothing that a machine means, every plan that compiles
# elsewhere in the repository can be built, and the pictures of a plan show every stage. A file whose
# name begins with `_` is a module that others use. --update writes the expected files anew; look at
# the diff. RBK_BIN is the folder of rbkc.
set -u
export LC_ALL=C TZ=UTC NO_COLOR=1
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
rbkc=${RBK_BIN:?"set RBK_BIN to the folder of rbkc"}/rbkc
export RBK_STDLIB="${RBK_STDLIB:-$root/stdlib}"
cd "$here" || exit 3
[ -x "$rbkc" ] || { echo "no rbkc at $rbkc" >&2; exit 3; }

update=
all=yes
if [ "${1-}" = --update ]; then
    update=yes
    shift
fi
[ $# -eq 0 ] || all=
work=$(mktemp -d) || exit 3
trap 'rm -rf "$work"' EXIT
count=0
failed=0

fail() {
    echo "FAIL $1: $2"
    failed=$((failed + 1))
}

# compare NAME ACTUAL EXPECTED
compare() {
    if [ -n "$update" ]; then
        cp "$2" "$3"
        return
    fi
    if ! diff -u "$3" "$2" >"$work/diff" 2>&1; then
        fail "$1" "differs from what is expected"
        head -60 "$work/diff"
    fi
}

# A machine's text without what depends on layout: places, sources, and the hash of the text.
meaning() {
    sed -e 's/,"place":\[[^]]*\]//' -e 's/"integrity":"[0-9a-f]*"//' -e '/^],"sources":\[$/d' \
        -e '/^{"path":.*"sha256":/d' "$1"
}

machine() {
    if ! "$rbkc" build --stdout "$1" >"$work/first" 2>"$work/err"; then
        fail "$1" "cannot be built"
        cat "$work/err"
        return
    fi
    # Elsewhere, by another way to it, and under other settings of the host.
    (cd / && umask 077 && TZ=Asia/Kolkata LC_ALL=tr_TR.UTF-8 HOME=/nonexistent \
        "$rbkc" build -o "$work/second" "$here/../machine/$1") 2>/dev/null
    cmp -s "$work/first" "$work/second" || fail "$1" "gives other bytes the second time"
    compare "$1" "$work/first" "${1%.rbk}.machine"
}

refused() {
    "$rbkc" build -o "$work/never" "$1" >"$work/out" 2>&1
    status=$?
    [ "$status" = 1 ] || fail "$1" "exit status $status, expected 1"
    [ ! -e "$work/never" ] || fail "$1" "left a machine behind"
    compare "$1" "$work/out" "${1%.rbk}.diag"
}

# meanings_equal NAME HOW: the plan in $work/layout means what the one here does.
meanings_equal() {
    (cd "$work/layout" && "$rbkc" build --stdout "$1") >"$work/second" 2>/dev/null
    meaning "$work/first" >"$work/meaning1"
    meaning "$work/second" >"$work/meaning2"
    if ! diff "$work/meaning1" "$work/meaning2" >"$work/diff"; then
        fail "$1" "$2 changes the machine"
        head -10 "$work/diff"
    fi
}

# The same plan with other layout and comments, and then as `rbkc fmt` lays it out.
layout() {
    mkdir -p "$work/layout"
    cp ./*.rbk "$work/layout/"
    { echo '# A comment.'; sed -e 's/^ *//' -e 's/ *{$/ {   # and another/' "$1"; } >"$work/layout/$1"
    "$rbkc" build --stdout "$1" >"$work/first" 2>/dev/null
    meanings_equal "$1" layout
    "$rbkc" fmt "$work/layout/$1" >/dev/null 2>&1 || fail "$1" "cannot be formatted"
    meanings_equal "$1" formatting
}

# Every stage's name stands in both pictures, and dot can draw them where it is installed.
pictures() {
    for option in --format=dot --stages; do
        if ! "$rbkc" graph "$option" "$1" >"$work/dot" 2>"$work/err"; then
            fail "$1" "cannot be drawn"
            cat "$work/err"
            return
        fi
        sed -n 's/^ *stage  *\([a-z_0-9]*\).*/\1/p' "$1" >"$work/stages"
        while read -r stage; do
            grep -q "label=\"$stage" "$work/dot" || fail "$1" "stage $stage is not in the picture"
        done <"$work/stages"
        if command -v dot >/dev/null; then
            dot -Tsvg "$work/dot" >/dev/null 2>"$work/err" || fail "$1" "dot cannot draw it"
            [ ! -s "$work/err" ] || fail "$1" "dot complains: $(head -1 "$work/err")"
        fi
    done
}

# A picture shows a title as it is written, entities of HTML too, and counts what is carried out, not
# what only asks whether there is more of it.
labels() {
    cat >"$work/labels.rbk" <<'EOF'
plan labels {
    param names: list of text = []
    stage one "It is &lt;b&gt; & \"bold\"" {
        unwatched because "nobody looks"
        apply within 1m { foreach name in names at most 2 { run "touch -- ${name}" idempotent } }
        verify within 1m { check "they are there" file.exists("a") }
        rollback within 1m {
            run "rm -f a b" idempotent
            verify { check "they are gone" not file.exists("a") }
        }
    }
}
EOF
    "$rbkc" graph --stages "$work/labels.rbk" >"$work/dot" 2>"$work/err" || fail labels "cannot be drawn"
    grep -q 'It is &amp;lt;b&amp;gt; & \\"bold\\"' "$work/dot" || fail labels "an entity would be read"
    grep -q '4 steps' "$work/dot" || fail labels "steps are miscounted"
}

# Plans elsewhere that compile can be built, too.
builds() {
    "$rbkc" check "$1" >/dev/null 2>&1 || return
    count=$((count + 1))
    if ! "$rbkc" build --stdout "$1" >/dev/null 2>"$work/err"; then
        fail "$1" "compiles, but cannot be built"
        cat "$work/err"
    fi
}

# No name here has a blank.
# shellcheck disable=SC2046
[ $# -gt 0 ] || set -- $(find . -name '*.rbk' ! -name '_*' | sed 's|^\./||' | sort)
for file in "$@"; do
    count=$((count + 1))
    case $file in
    refused/*) refused "$file" ;;
    *)
        machine "$file"
        layout "$file"
        pictures "$file"
        ;;
    esac
done
if [ -n "$all" ] && [ -z "$update" ]; then
    for file in $(find "$root/examples" "$root/plans" "$root/tests/golden/valid" -name '*.rbk' \
        ! -name '_*' ! -path '*/syntax/*' 2>/dev/null | sort); do
        builds "$file"
    done
    pictures "$root/plans/lead_cutover/plan.rbk"
    labels
fi
echo "$count files, $failed failures"
[ "$failed" = 0 ]
