#!/bin/sh
# The pages of the rules: every code of the table has one, its bad plan gives that code and no other,
# its good plan gives nothing, and `rbkc explain` shows it. RBK_BIN is the folder of rbkc.
#
# The codes come out of `rbkc check`, but for RBK180, which `rbkc build` finds.
set -u
export LC_ALL=C.UTF-8 TZ=UTC NO_COLOR=1
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
rbkc=${RBK_BIN:?"set RBK_BIN to the folder of rbkc"}/rbkc
export RBK_STDLIB="${RBK_STDLIB:-$root/stdlib}"
[ -x "$rbkc" ] || { echo "no rbkc at $rbkc" >&2; exit 3; }
work=$(mktemp -d) || exit 3
trap 'rm -rf "$work"' EXIT
failed=0

fail() {
    echo "FAIL RBK$1: $2"
    [ ! -s "$work/out" ] || cat "$work/out"
    failed=$((failed + 1))
}

# plan PAGE SECTION: the block marked rbk in that section.
plan() {
    awk -v section="## $2" '
        /^## / { found = $0 == section }
        found && !inside && /^```rbk/ { inside = 1; next }
        inside && /^```$/ { exit }
        inside { print }' "$1"
}

# say CODE FILE: what the compiler finds, one line for each finding.
say() {
    case $1 in
    180) "$rbkc" build --stdout "$2" 2>&1 >"$work/machine" | grep '\[RBK' ;;
    150) "$rbkc" check --states 300 --format gcc "$2" 2>/dev/null ;; # so many, says its page
    *) "$rbkc" check --format gcc "$2" 2>/dev/null ;;
    esac
}

check_page() {
    page=$root/docs/rules/RBK$1.md
    : >"$work/out"
    if [ ! -e "$page" ]; then
        fail "$1" "has no page"
        return
    fi
    plan "$page" Bad >"$work/bad.rbk"
    plan "$page" Good >"$work/good.rbk"
    say "$1" "$work/bad.rbk" >"$work/out"
    grep -q "\[RBK$1\]" "$work/out" || fail "$1" "the bad plan does not break it"
    ! grep '\[RBK' "$work/out" | grep -qv "\[RBK$1\]" || fail "$1" "the bad plan breaks another rule, too"
    say "$1" "$work/good.rbk" >"$work/out"
    [ ! -s "$work/out" ] || fail "$1" "the good plan is not clean"
    : >"$work/out"
    head -n 1 "$page" | grep -q "^# RBK$1: " || fail "$1" "the page does not begin with its code"
    for section in Bad Good 'What to do'; do
        grep -q "^## $section\$" "$page" || fail "$1" "the page has no section $section"
    done
    "$rbkc" explain "rbk$1" | head -n 1 | grep -q "^RBK$1: " || fail "$1" "explain does not show the page"
    grep -q "(RBK$1.md)" "$root/docs/rules/README.md" || fail "$1" "docs/rules/README.md does not list it"
}

codes=$("$rbkc" explain | sed -n 's/^RBK\([0-9]*\) .*/\1/p')
for code in $codes; do
    check_page "$code"
done
"$rbkc" explain 999 >"$work/out" 2>&1
[ $? = 2 ] || fail 999 "an unknown code is wrong usage"
echo "$(echo "$codes" | wc -w) pages, $failed failures"
[ -n "$codes" ] && [ "$failed" = 0 ]
