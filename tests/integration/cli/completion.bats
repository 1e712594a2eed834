#!/usr/bin/env bats
# Completions, loaded by the shells they are for: zsh in a terminal, since it completes nowhere else.
# shellcheck disable=SC2154,SC2030,SC2031  # set by setup(), one process for each test
# shellcheck disable=SC2016  # for other shells
load helpers

completions=$BATS_TEST_DIRNAME/../../../completions

# two_stores: one run in the store of the test, and one in another.
two_stores() {
    two_steps
    touch go
    rbk run plan.rbk >out
    first=$(run_id)
    rbk run plan.rbk --store other.db >out
    other=$(rbk runs --json --store other.db | jq -r .run)
}

has() {
    local word
    for word in "$@"; do
        grep -qFx -- "$word" <<<"$output" || { echo "no $word in: $output"; return 1; }
    done
}

# bash_completes WORD…: what bash offers for the last of them, a word a line.
bash_completes() {
    run bash --norc -c '. "$1"/rbk.bash; . "$1"/rbkc.bash; shift
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        if [ "$1" = rbkc ]; then _rbkc; else _rbk; fi; printf "%s\n" "${COMPREPLY[@]}"' - "$completions" "$@"
}

@test "bash completes commands, options, runs and words" {
    two_stores
    bash_completes rbk sta
    [ "$output" = status ]
    bash_completes rbk status ""
    [ "$output" = "$first" ]
    bash_completes rbk status --store other.db ""
    [ "$output" = "$other" ]
    bash_completes rbk resolve R S ""
    has "done" not-done
    bash_completes rbk run --
    has --arm-only --params
    bash_completes rbkc explain RBK12
    has RBK120 RBK121
}

@test "fish completes commands, options, runs and words" {
    command -v fish >/dev/null || skip "fish is not installed"
    two_stores
    fish_completes() {
        # Found by the name of the program, as where it is installed.
        run fish -N -c 'set fish_complete_path $argv[1]; complete -C $argv[2] | string replace -r "\t.*" ""' "$completions" "$1"
    }
    fish_completes "rbk sta"
    [ "$output" = status ]
    fish_completes "rbk status "
    [ "$output" = "$first" ]
    fish_completes "rbk --store other.db status "
    [ "$output" = "$other" ]
    fish_completes "rbk help re"
    has resume retry resolve resend report
    fish_completes "rbk run "
    [ "$output" = plan.rbk ]
    fish_completes "rbkc graph --format "
    has dot svg mermaid
}

@test "zsh completes both programs, whichever comes first, and options before and behind a command" {
    command -v zsh >/dev/null || skip "zsh is not installed"
    two_stores
    tmux_socket=$(mktemp -u "$scratch/tmux.XXXXXX")
    tmux -S "$tmux_socket" -f /dev/null new-session -d -x 150 -y 40 "env LC_ALL=C.UTF-8 PATH='$PATH' RBK_STORE='$RBK_STORE' zsh -f"
    type_keys() { tmux -S "$tmux_socket" send-keys "$@"; }
    line_is() { tmux -S "$tmux_socket" capture-pane -p | grep -qxE -- "ready ?$1 *"; }
    # completes TYPED WANTED: what stands on the line behind one Tab.
    completes() {
        type_keys C-u C-l
        type_keys -l "$1"
        type_keys Tab
        wait_for line_is "$2"
    }
    type_keys -l "fpath=($completions \$fpath); autoload -U compinit; compinit -u -D; PS1='rea''dy '; clear"
    type_keys Enter
    wait_for line_is ""
    completes "rbk sta" "rbk status"
    completes "rbkc revi" "rbkc review"
    completes "rbkc check --format j" "rbkc check --format json"
    completes "rbk status 2" "rbk status $first"
    completes "rbk status -s other.db 2" "rbk status -s other.db $other"
    completes "rbk --store other.db status 2" "rbk --store other.db status $other"
    completes "rbk help sig" "rbk help signal"
    completes "rbk run pl" "rbk run plan.rbk"
}
