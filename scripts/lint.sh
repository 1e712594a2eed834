#!/usr/bin/env bash
# All checks of `./dev lint`: scripts/lint.sh BUILD_DIRECTORY (for compile_commands.json).
# Every check runs, whatever the ones before it found; the exit status is 1 if any found something.
# shellcheck disable=SC2317  # the checks are functions called through check()
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
build=${1:?usage: scripts/lint.sh BUILD_DIRECTORY}

mapfile -t sources < <(git ls-files --cached --others --exclude-standard -- '*.c' '*.h')
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
    local file found=0
    for file in "${sources[@]}"; do
        clang-format "$file" | cmp -s - "$file" || {
            echo "format: $file (./dev format mends it)"
            found=1
        }
    done
    return "$found"
}

# Only what the build compiles; generated files are in the build directory and left out.
tidy() {
    local file wanted=()
    for file in "${sources[@]}"; do
        case $file in
        *.c) grep -qF "\"file\": \"$PWD/$file\"" "$build/compile_commands.json" && wanted+=("$file") ;;
        esac
    done
    printf '%s\0' "${wanted[@]}" |
        xargs -0 -r -n 4 -P "$(nproc)" clang-tidy -p "$build" --quiet 2>"$build/clang-tidy.log"
}

shell_scripts() {
    shellcheck "${scripts[@]}" && { [ ${#bats[@]} -eq 0 ] || shellcheck --shell=bats "${bats[@]}"; }
}

check formatting formatting
check house scripts/house.sh "${sources[@]}"
check shellcheck shell_scripts
check clang-tidy tidy
exit "$status"
