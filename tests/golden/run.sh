#!/bin/sh
# Golden tests of the compiler: what `rbkc check` says about each plan in this folder, whole text.
#
#   run.sh [--update] [FILE…]
#
#   invalid/**/X.rbk   has errors: exit status 1, and the output is X.diag
#   valid/**/X.rbk     compiles: exit status 0, and the output is X.diag, or nothing where there is none
#   valid/syntax/      as above, but only the syntax is looked at (`rbkc check --syntax`); what was
#                      parsed is X.tree
#   format/X.rbk       `rbkc fmt` makes X.formatted of it, and changes nothing when run on that again
#
#   X.rbk.sh           prints a plan that is too long to be kept; else as X.rbk
#
# A file whose name begins with `_` is not a plan of its own but a module that others use. --update
# writes the expected files anew; look at the diff. RBK_BIN is the folder of rbkc.
set -u
export LC_ALL=C TZ=UTC NO_COLOR=1
here=$(cd "$(dirname "$0")" && pwd)
rbkc=${RBK_BIN:?"set RBK_BIN to the folder of rbkc"}/rbkc
export RBK_STDLIB="${RBK_STDLIB:-$here/../../stdlib}"
cd "$here" || exit 3
[ -x "$rbkc" ] || { echo "no rbkc at $rbkc" >&2; exit 3; }

update=
if [ "${1-}" = --update ]; then
    update=yes
    shift
fi
work=$(mktemp -d) || exit 3
trap 'rm -rf "$work"' EXIT
count=0
failed=0

fail() {
    echo "FAIL $1: $2"
    failed=$((failed + 1))
}

# compare WHAT ACTUAL EXPECTED: an expected file that is not there stands for no output.
compare() {
    if [ -n "$update" ]; then
        if [ -s "$2" ] || [ -n "${4-}" ]; then cp "$2" "$3"; else rm -f "$3"; fi
        return
    fi
    expected=$3
    [ -e "$expected" ] || expected=/dev/null
    if ! diff -u "$expected" "$2" >"$work/diff"; then
        fail "$1" "differs from what is expected"
        cat "$work/diff"
    fi
}

# check FILE FOLDER STATUS: run the compiler where the file lies, and compare status and output.
check() {
    option=
    case $1 in valid/syntax/*) option=--syntax ;; esac
    (cd "$2" && "$rbkc" check $option "$1") >"$work/out" 2>"$work/said"
    status=$?
    # The last word to a person counts what is above it, which is compared.
    # shellcheck disable=SC2016
    grep -v '^rbkc: .*; plan \(not \)*accepted$\|^rbkc: `rbkc check --fix`' "$work/said" >>"$work/out"
    [ "$status" = "$3" ] || fail "$1" "exit status $status, expected $3"
    if [ "$3" = 1 ] && [ ! -s "$work/out" ]; then fail "$1" "failed without a diagnostic"; fi
    compare "$1" "$work/out" "${1%.rbk}.diag"
    if [ -n "$option" ]; then
        (cd "$2" && "$rbkc" check --dump=tree "$1") >"$work/tree" 2>&1
        compare "$1" "$work/tree" "${1%.rbk}.tree"
    fi
}

format() {
    cp "$1" "$work/once.rbk"
    if ! "$rbkc" fmt "$work/once.rbk" >"$work/out" 2>&1; then
        fail "$1" "cannot be formatted"
        cat "$work/out"
        return
    fi
    compare "$1" "$work/once.rbk" "${1%.rbk}.formatted" always
    "$rbkc" fmt --check "$work/once.rbk" >/dev/null 2>&1 || fail "$1" "formatting is not idempotent"
    "$rbkc" check --dump=tree "$1" >"$work/tree1" 2>&1
    "$rbkc" check --dump=tree "$work/once.rbk" >"$work/tree2" 2>&1
    cmp -s "$work/tree1" "$work/tree2" || fail "$1" "formatting changes what the plan means"
}

# shellcheck disable=SC2046  # one argument for each file: their names have no blanks
[ $# -gt 0 ] || set -- $(find valid invalid format \( -name '*.rbk' -o -name '*.rbk.sh' \) ! -name '_*' | sort)
for file in "$@"; do
    count=$((count + 1))
    folder=$here
    case $file in
    *.sh)
        folder=$work/made
        mkdir -p "$folder/${file%/*}"
        sh "$file" >"$folder/${file%.sh}" || fail "$file" "cannot be made"
        file=${file%.sh}
        ;;
    esac
    case $file in
    invalid/*) check "$file" "$folder" 1 ;;
    valid/*) check "$file" "$folder" 0 ;;
    format/*) format "$file" ;;
    *) fail "$file" "not in valid/, invalid/ or format/" ;;
    esac
done
echo "$count files, $failed failures"
[ "$failed" = 0 ]
