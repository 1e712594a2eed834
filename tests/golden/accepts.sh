#!/bin/sh
# Every plan, example and module that comes with the compiler passes `rbkc check`: notes are fine,
# errors and warnings are not. Examples and modules are in the one layout, too (plans/lead_cutover shows
# that one may align). RBK_BIN is the folder of rbkc.
set -u
export LC_ALL=C TZ=UTC NO_COLOR=1
root=$(cd "$(dirname "$0")/../.." && pwd)
rbkc=${RBK_BIN:?"set RBK_BIN to the folder of rbkc"}/rbkc
export RBK_STDLIB="${RBK_STDLIB:-$root/stdlib}"
cd "$root" || exit 3

count=0
failed=0
for file in stdlib/*.rbk examples/*/*.rbk plans/*/*.rbk; do
    [ -e "$file" ] || continue
    count=$((count + 1))
    if ! out=$("$rbkc" check --format gcc "$file" 2>&1) ||
        printf '%s\n' "$out" | grep -q ': warning: '; then
        echo "FAIL $file"
        printf '%s\n' "$out"
        failed=$((failed + 1))
    fi
done
for file in $("$rbkc" fmt --check stdlib/*.rbk examples/*/*.rbk); do
    echo "FAIL $file is not laid out as rbkc fmt does it"
    failed=$((failed + 1))
done
echo "$count files, $failed failures"
[ "$count" -gt 0 ] && [ "$failed" = 0 ]
