#!/bin/sh
# Every command and option of rbkc and rbk, as `--help` has them, is in its manual page and in the completions
# of each shell: what one of them lacks nobody finds.
set -u
here=$(cd "$(dirname "$0")/../.." && pwd)
rbkc=${RBK_BIN:?"set RBK_BIN to the folder of the programs"}/rbkc
rbk=$RBK_BIN/rbk
failed=0
options=0

# told FILE TEXT WHAT: a fixed text is in a file.
told() {
    options=$((options + 1))
    if ! grep -qF -e "$2" "$here/$1"; then
        echo "FAIL $1 does not know $3"
        failed=1
    fi
}

commands=$("$rbkc" --help | sed -n 's/^  \([a-z][a-z]*\)  *.*/\1/p')
[ -n "$commands" ] || failed=1
for command in $commands; do
    told docs/man/rbkc.1 ".B rbkc $command" "$command"
    told completions/rbkc.fish "$command" "$command"
    told completions/_rbk "    $command)" "$command"
    for option in $("$rbkc" "$command" --help | grep -o -e '--[a-z][a-z-]*' | sort -u); do
        case $option in
        --help | --usage) continue ;;
        esac
        # The page has the short form of the one option that every tool has.
        in_page=$option
        [ "$option" = --output ] && in_page=-o
        told docs/man/rbkc.1 "$(printf '%s' "$in_page" | sed 's/-/\\-/g')" "$command $option"
        told completions/rbkc.bash "$option" "$command $option"
        told completions/_rbk "$option" "$command $option"
        told completions/rbkc.fish "-l ${option#--}" "$command $option"
    done
done

# page COMMAND: the manual page that tells of it, which may be that of others as well.
page() {
    sed -n "s/^\.so man1\///p" "$here/docs/man/rbk-$1.1" | grep . || echo "rbk-$1.1"
}

commands=$("$rbk" --help | sed -n 's/^  \([a-z][a-z]*\)  *.*/\1/p')
[ -n "$commands" ] || failed=1
for command in $commands; do
    told "docs/man/$(page "$command")" "$command" "$command"
    told docs/man/rbk.1 "$command" "$command"
    told completions/rbk.bash "$command" "$command"
    told completions/_rbk "        '$command:" "$command"
    told completions/rbk.fish "-a $command -d" "$command"
    for option in $("$rbk" "$command" --help | grep -o -e '--[a-z][a-z-]*' | sort -u); do
        case $option in
        --help | --usage) continue ;;
        esac
        told "docs/man/$(page "$command")" "$(printf '%s' "$option" | sed 's/-/\\-/g')" "$command $option"
        told completions/rbk.bash "$option" "$command $option"
        told completions/_rbk "$option" "$command $option"
        told completions/rbk.fish "-l ${option#--}" "$command $option"
    done
done
echo "$options places, $failed failures"
exit "$failed"
