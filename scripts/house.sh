#!/usr/bin/env bash
# The rules of the house that no other tool knows: scripts/house.sh FILE…
#
#   banned   strcpy strcat sprintf vsprintf atoi atol strtok gets: no bounds, or no error
#   length   700 lines at most
#   guard    runtime/core/step.h is guarded by RBK_RUNTIME_CORE_STEP_H
#   layers   who may include whom (runtime/core is pure, the compiler knows the core only, …)
#   marks    no unfinished work
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

found=0
report() {
    echo "$1: $2"
    found=1
}

# Prints "FILE:LINE: text" for each line outside of comments that matches a pattern.
grep_code() {
    local pattern=$1
    shift
    [ $# -eq 0 ] || awk -v pattern="$pattern" '
        FNR == 1 { inside = 0 }
        {
            line = $0
            gsub(/"([^"\\]|\\.)*"/, "\"\"", line)
            gsub(/\/\*.*\*\//, "", line)
            if (inside) {
                if (!sub(/^.*\*\//, "", line)) next
                inside = 0
            }
            if (sub(/\/\*.*$/, "", line)) inside = 1
            if (line ~ pattern) print FILENAME ":" FNR ": " $0
        }' "$@"
}

banned='(^|[^A-Za-z0-9_])(strcpy|strcat|sprintf|vsprintf|atoi|atol|strtok|gets)[ ]*\('
while IFS= read -r line; do
    report banned "$line"
done < <(grep_code "$banned" "$@")

for file in "$@"; do
    lines=$(wc -l <"$file")
    [ "$lines" -le 700 ] || report length "$file has $lines lines"

    if [[ $file == *.h ]]; then
        guard=RBK_$(tr 'a-z/.-' 'A-Z___' <<<"${file%.h}")_H
        [ "$(grep -m1 -oE '^#ifndef .*' "$file")" = "#ifndef $guard" ] ||
            report guard "$file is not guarded by $guard"
    fi
done

# layers FOLDER PATTERN: no file of ours under FOLDER includes a header that matches.
layers() {
    local folder=$1 pattern=$2 line
    while IFS= read -r line; do
        report layers "$line"
    done < <(grep -nE "^[[:space:]]*#[[:space:]]*include[[:space:]]+[<\"]($pattern)" \
        "${@:3}" /dev/null | grep "^$folder/" | grep -v "$memory")
}
# Advice about memory is no input or output; the arena alone gives it.
memory='^runtime/core/base/arena\.c:[0-9]*:#include <sys/mman\.h>$'
io='uv\.h|uv/|sqlite3|libpq|postgres|curl/|hiredis|jq\.h|jv\.h|popt|unistd|fcntl|sys/|netinet/|arpa/'
io+='|netdb|poll|pthread|signal|time\.h|dirent|spawn|term\.h|curses'
layers runtime/core "$io|runtime/(store|drivers|probes|executor|people|serve)/|compiler/|grammar/" "$@"
layers compiler 'uv\.h|sqlite3|libpq|curl/|hiredis|jq\.h|runtime/(store|drivers|probes|executor|people|serve)/' "$@"
layers runtime/drivers 'runtime/(store|executor|people|serve)/|compiler/' "$@"
layers runtime/store 'runtime/(drivers|probes|executor|people|serve)/|compiler/' "$@"
layers runtime/serve 'runtime/(drivers|probes)/|compiler/|grammar/' "$@"

while IFS= read -r line; do
    report calls "$line"
done < <(
    mapfile -t core < <(printf '%s\n' "$@" | grep '^runtime/core/.*\.c$')
    grep_code '(^|[^A-Za-z0-9_])(fopen|open|read|write|getenv|time|clock_gettime|rand|random|setlocale)[ ]*\(' \
        "${core[@]}"
)

while IFS= read -r line; do
    report marks "$line"
done < <(grep -nE 'TOD[O]|FIXM[E]|(^|[^X])XX[X]([^X]|$)|HAC[K]' "$@" /dev/null)

exit "$found"
