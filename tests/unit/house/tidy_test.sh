#!/usr/bin/env bash
# scripts/tidy.py looks again at what may have got a finding, and at nothing else. A clang-tidy of our own writes down
# what it was called for and finds something in each file with the word "bad" in it.
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir/scripts" "$dir/bin" "$dir/build"
cp "$RBK_SOURCE/scripts/tidy.py" "$dir/scripts/"
cd "$dir"
cat >bin/clang-tidy <<'END'
#!/bin/sh
[ "$1" = --version ] && exec echo "version ${TIDY_VERSION:-1}"
echo "${2##*/} $*" | sed 's/ .* -DTWO.*/ two/; s/ --quiet.*//' >>"$TIDY_CALLS"
if grep -q bad "$2"; then
    echo "$2:1:1: error: bad"
    exit 1
fi
END
chmod +x bin/clang-tidy
export PATH="$dir/bin:$PATH" TIDY_CALLS="$dir/calls"
echo 'Checks: "*"' >.clang-tidy
printf '#define SIZE 1\nint size(void); /* a comment */\n' >one.h
printf '#include "one.h"\nint one = SIZE;\n' >one.c
echo 'int two;' >two.c
echo 'int bad;' >three.c
cat >build/compile_commands.json <<END
[{"directory": "$dir/build", "file": "$dir/one.c", "command": "ccache gcc -I$dir -o x.o -c $dir/one.c"},
 {"directory": "$dir/build", "file": "$dir/one.c", "command": "gcc -I$dir -o again.o -c $dir/one.c"},
 {"directory": "$dir/build", "file": "$dir/two.c", "command": "gcc -o two.o -c $dir/two.c"},
 {"directory": "$dir/build", "file": "$dir/two.c", "command": "gcc -DTWO -o two.o -c $dir/two.c"},
 {"directory": "$dir/build", "file": "$dir/three.c", "command": "gcc -o three.o -c $dir/three.c"}]
END

# looks WHAT FILES STATUS: a run of tidy.py calls clang-tidy for these files and ends so.
looks() {
    local status=0 calls
    : >calls
    scripts/tidy.py build one.c one.h two.c three.c gone.c >out || status=$?
    calls=$(sort calls | tr '\n' ';')
    if [ "$calls" != "$2" ] || [ "$status" != "$3" ]; then
        echo "$1: looked at \"$calls\", expected \"$2\"; exit status $status, expected $3"
        cat out
        exit 1
    fi
}

looks "the first time, each way of compiling once" "one.c;three.c;two.c;two.c two;" 1
grep -q 'three.c:1:1: error: bad' out
looks "what had a finding, again" "three.c;" 1
echo 'int three;' >three.c
looks "what was mended" "three.c;" 0
looks "nothing has changed" "" 0
printf '#define SIZE 1\n\n\nint size(void);\n' >one.h
looks "a comment of a header" "" 0
printf '#define SIZE 2\nint size(void);\n' >one.h
looks "a macro of a header" "one.c;" 0
printf '#define SIZE 2\n#define UNUSED(a) a * 2\nint size(void);\n' >one.h
looks "a macro that nobody uses" "one.c;" 0
echo 'int two; /* a comment */' >two.c
looks "the source as it stands, for it may suppress" "two.c;two.c two;" 0
printf '#define SIZE 2\n#define UNUSED(a) a * 2\nint size(void); /* NOLINT */\n' >one.h
looks "a suppression in a header, which any of them may include" "one.c;three.c;two.c;two.c two;" 0
sed -i 's/-I/-DONE -I/' build/compile_commands.json
looks "other flags" "one.c;" 0
echo 'Checks: "-*"' >.clang-tidy
looks "other checks" "one.c;three.c;two.c;two.c two;" 0
export TIDY_VERSION=2
looks "another clang-tidy" "one.c;three.c;two.c;two.c two;" 0
