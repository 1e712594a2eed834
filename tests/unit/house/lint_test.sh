#!/usr/bin/env bash
# Each rule of scripts/house.sh reports a file that breaks it, and nothing else: banned words in
# comments and strings are no calls.
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir/scripts" "$dir/runtime/core"
cp "$RBK_SOURCE/scripts/house.sh" "$dir/scripts/"
cd "$dir"
mark=TO
mark+=DO # apart, so that this file itself holds no mark

cat >runtime/core/bad.c <<END
/* strcpy( in a comment
 * and sprintf( in its second line */
#include <unistd.h>
#include "runtime/store/store.h"
int f(void) { strcpy(a, "atoi("); return my_atoi(3); }
const char *g = "strcat(x)"; /* x */ int h = atoi (s);
/* $mark later */
FILE *z = fopen("x", "r");
END
printf '#ifndef BAD_H\n#define BAD_H\n#endif\n' >runtime/core/bad.h
printf '#ifndef RBK_RUNTIME_CORE_GOOD_H\n#define RBK_RUNTIME_CORE_GOOD_H\n#endif\n' >runtime/core/good.h
seq 701 >runtime/core/long.c
seq 700 >runtime/core/short.c

status=0
found=$(scripts/house.sh runtime/core/*.[ch]) || status=$?
expected="banned: runtime/core/bad.c:5
banned: runtime/core/bad.c:6
guard: runtime/core/bad.h
length: runtime/core/long.c
layers: runtime/core/bad.c:3
layers: runtime/core/bad.c:4
calls: runtime/core/bad.c:8
marks: runtime/core/bad.c:7"
if ! diff <(echo "$expected") <(sed -E 's/^([a-z]+: [^: ]+(:[0-9]+)?).*/\1/' <<<"$found"); then
    echo "the lint said: $found"
    exit 1
fi
[ "$status" -eq 1 ] || {
    echo "expected exit status 1, got $status"
    exit 1
}
scripts/house.sh runtime/core/good.h runtime/core/short.c
