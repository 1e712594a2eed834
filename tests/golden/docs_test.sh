#!/bin/sh
# The documents' plans compile: every ```rbk block of docs/language.md, docs/operating.md and README.md is a whole file
# that `rbkc check` accepts and, where it holds a plan, `rbkc build` makes a machine of.
#
# A block that begins with `module a.b` is written to a/b.rbk, so that the plans of the same document
# can use it. What is wrong on purpose stands in blocks of another kind. The README's plan finds its
# SQL files in examples/01-first-plan. RBK_BIN is the folder of rbkc.
set -u
export LC_ALL=C TZ=UTC NO_COLOR=1
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
rbkc=${RBK_BIN:?"set RBK_BIN to the folder of rbkc"}/rbkc
export RBK_STDLIB="${RBK_STDLIB:-$root/stdlib}"
[ -x "$rbkc" ] || { echo "no rbkc at $rbkc" >&2; exit 3; }
work=$(mktemp -d) || exit 3
trap 'rm -rf "$work"' EXIT
count=0
failed=0

fail() {
    echo "FAIL $1: $2"
    cat "$work/out"
    failed=$((failed + 1))
}

# extract DOCUMENT FOLDER: one file for each block, named after the line it begins in.
extract() {
    awk -v folder="$2" '
        !inside && /^```rbk$/ { inside = 1; file = sprintf("%s/line_%04d.rbk", folder, NR + 1); next }
        inside && /^```$/ { inside = 0; close(file); next }
        inside { print > file }' "$1"
}

# Give the modules among the blocks the names by which they are used.
name_modules() {
    for file in "$1"/line_*.rbk; do
        module=$(sed -n '1s/^module  *//p' "$file")
        [ -n "$module" ] || continue
        path=$1/$(echo "$module" | tr . /).rbk
        mkdir -p "$(dirname "$path")"
        mv "$file" "$path"
    done
}

# check DOCUMENT FILE
check() {
    count=$((count + 1))
    "$rbkc" check --format gcc "$2" >"$work/out" 2>&1 || fail "$1" "${2#"$work"/} does not compile"
    grep -q '^plan ' "$2" || return 0
    "$rbkc" build --stdout "$2" 2>"$work/out" >/dev/null || fail "$1" "${2#"$work"/} cannot be built"
}

for document in docs/language.md docs/operating.md README.md; do
    folder=$work/$(basename "$document" .md)
    mkdir -p "$folder"
    cp -R "$root/examples/01-first-plan/sql" "$folder/"
    extract "$root/$document" "$folder"
    name_modules "$folder"
    before=$count
    for file in $(find "$folder" -name '*.rbk' | sort); do
        check "$document" "$file"
    done
    if [ "$count" = "$before" ]; then
        : >"$work/out"
        fail "$document" "no rbk block was found"
    fi
done
echo "$count blocks, $failed failures"
[ "$failed" = 0 ]
