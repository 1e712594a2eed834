#!/usr/bin/env bash
# Whether every test is played: tests/all_played.sh BUILD
# A file of tests that no CMakeLists.txt names is silent for ever; so each must stand in what CMake has made of them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=$1

found=0 left_out=0
while IFS= read -r file; do
    found=$((found + 1))
    case $file in
    *.c) grep -qF "$file" "$build/compile_commands.json" ;;
    *) grep -rqF --include=CTestTestfile.cmake "/$file" "$build/tests" ;;
    esac || {
        echo "no test plays $file"
        left_out=$((left_out + 1))
    }
done < <(find tests -name '*_test.c' -o -name '*_test.py' -o -name '*.bats')
echo "$found files of tests, $left_out of them played by none"
[ "$found" -gt 100 ] && [ "$left_out" -eq 0 ]
