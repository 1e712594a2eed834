#!/bin/sh
# A rule without golden files is not tested: each code that `rbkc check` can report is in at least
# two of the expected files of invalid/.
set -u
here=$(cd "$(dirname "$0")" && pwd)
cd "$here" || exit 3

# The rules of the table that have a function, and the codes of the phases before the rules.
codes=$(grep -o 'rbk_rule_[0-9]*}' ../../compiler/rules/rules.c | grep -o '[0-9]*')
failed=0
for code in $codes 100 130 140 141 161 170; do
    count=$(grep -rl "\[RBK$code\]" invalid --include='*.diag' | wc -l)
    if [ "$count" -lt 2 ]; then
        echo "FAIL RBK$code: $count golden files, expected two or more"
        failed=1
    fi
done
[ -n "$codes" ] && [ "$failed" = 0 ] && echo "every rule has its golden files"
