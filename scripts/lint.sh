#!/usr/bin/env bash
# All checks of `./dev lint`: scripts/lint.sh BUILD_DIRECTORY (for compile_commands.json).
# Every check runs, whatever the ones before it found; the exit status is 1 if any found something.
# shellcheck disable=SC2317  # the checks are functions called through check()
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
build=${1:?usage: scripts/lint.sh BUILD_DIRECTORY}

# What git knows and what it may come to know, but not what was removed and not committed yet.
mapfile -t sources < <(git ls-files --cached --others --exclude-standard -- '*.c' '*.h' | sort -u |
    while IFS= read -r file; do [ -e "$file" ] && echo "$file"; done)
mapfile -t scripts < <(git ls-files --cached --others --exclude-standard -- dev '*.sh' .ci/run)
mapfile -t bats < <(git ls-files --cached --others --exclude-standard -- '*.bats')

status=0
check() {
    local name=$1
    shift
    if "$@"; then
        echo "lint: $name: ok"
    else
        echo "lint: $name: FAILED"
        status=1
    fi
}

formatting() {
    local unlike
    unlike=$(printf '%s\0' "${sources[@]}" | xargs -0 -r -n 16 -P "$(nproc)" clang-format --dry-run 2>&1 |
        sed -nE 's/^(.*):[0-9]+:[0-9]+: warning: .*\[-Wclang-format-violations\]$/format: \1 (.\/dev format mends it)/p' |
        sort -u) || return
    [ -z "$unlike" ] || echo "$unlike"
    [ -z "$unlike" ]
}

# Tests as well; generated files are in the build directory and left out.
tidy() {
    scripts/tidy.py "$build" "${sources[@]}"
}

shell_scripts() {
    shellcheck "${scripts[@]}" && { [ ${#bats[@]} -eq 0 ] || shellcheck --shell=bats "${bats[@]}"; }
}

check formatting formatting
check house scripts/house.sh "${sources[@]}"
check shellcheck shell_scripts
check clang-tidy tidy
exit "$status"
