#!/usr/bin/env bash
# The standard library is found by RBK_STDLIB, else beside the program, wherever that was put, else
# where the build meant to install it.
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
program=$dir/prefix/bin/print_stdlib
mkdir -p "$dir/prefix/bin"
cp "$RBK_TEST_BIN/print_stdlib" "$program"

expect() {
    [ "$2" = "$3" ] || {
        echo "$1: expected $2, got $3"
        exit 1
    }
}

expect "the variable wins" /elsewhere "$(RBK_STDLIB=/elsewhere "$program")"

unset RBK_STDLIB
fallback=$("$program")
case $fallback in
/*/rbk/stdlib) ;;
*) expect "the installed place is the last resort" '/…/rbk/stdlib' "$fallback" ;;
esac

mkdir -p "$dir/prefix/share/rbk/stdlib"
expect "beside the program" "$dir/prefix/share/rbk/stdlib" "$("$program")"
expect "an empty variable counts as unset" "$dir/prefix/share/rbk/stdlib" "$(RBK_STDLIB='' "$program")"
