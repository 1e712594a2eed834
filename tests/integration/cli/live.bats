#!/usr/bin/env bats
# The live view in a real terminal: 80x24, another size, without colours, and none at all.
# shellcheck disable=SC2154,SC2030,SC2031  # set by setup(), one process for each test
load helpers

# terminal COLUMNS ROWS COMMAND…: run it in a terminal of this size.
terminal() {
    # One of its own each time: a server that was killed may still be at its end.
    tmux_socket=$(mktemp -u "$scratch/tmux.XXXXXX")
    local columns=$1 rows=$2
    shift 2
    tmux -S "$tmux_socket" -f /dev/null new-session -d -x "$columns" -y "$rows" \
        "env PATH='$PATH' RBK_STORE='$RBK_STORE' TZ=UTC $*; echo ended with \$?; cat"
}

screen() {
    tmux -S "$tmux_socket" capture-pane -p "$@"
}

shows() {
    screen -S - | grep -qF -- "$1"
}

@test "the view shows stage, step and time, and fits into 80 columns and 24 rows" {
    two_steps
    terminal 80 24 LC_ALL=C.UTF-8 rbk run plan.rbk
    wait_for shows '▶ only  applying'
    wait_for shows 'shell "while'
    [ "$(screen | LC_ALL=C.UTF-8 grep -c '.\{81\}')" -eq 0 ]
    shows 'back in 40s at worst'
    touch go
    wait_for shows 'ended with 0'
    # Nothing of the block is left: the log alone stands in the scroll-back.
    not shows '▶ only'
    shows 'stands applied and verified'
}

@test "a question stands there with the command that answers it" {
    gated
    terminal 80 24 LC_ALL=C.UTF-8 rbk run plan.rbk
    wait_for asks only.approve.1
    wait_for shows "     rbk approve $(run_id) only.approve.1"
    rbk approve "$(run_id)"
    wait_for shows "     rbk answer $(run_id) only.apply.2@"
    rbk answer "$(run_id)" "done"
    wait_for shows 'ended with 0'
}

@test "resizing leaves one block" {
    two_steps
    terminal 80 24 LC_ALL=C.UTF-8 rbk run plan.rbk
    wait_for shows '▶ only'
    tmux -S "$tmux_socket" resize-window -x 46 -y 12
    wait_for shows '▶ only'
    tmux -S "$tmux_socket" resize-window -x 120 -y 40
    wait_for shows 'back in 40s at worst'
    touch go
    wait_for shows 'ended with 0'
    [ "$(screen -S - | grep -c '▶ only')" -eq 0 ]
    [ "$(screen -S - | grep -c 'stands applied and verified')" -eq 1 ]
}

@test "Ctrl-C pauses and says how to resume" {
    two_steps
    terminal 80 24 LC_ALL=C.UTF-8 rbk run plan.rbk
    wait_for under_way only.apply.1
    wait_for shows '▶ only'
    tmux -S "$tmux_socket" send-keys C-c
    wait_for status_is paused
    touch go
    wait_for shows "paused; resume with rbk resume $(run_id)"
    wait_for shows 'ended with 30'
}

@test "who resumes a run that waits is told what for, and a held stage waits for a person" {
    two_steps
    sed -i 's/        apply within 1m {/        prepare within 10s { check "it may begin" file.exists("may") timeout 1s }\n        apply within 1m {/' plan.rbk
    rbk run plan.rbk --no-wait || [ $? -eq 30 ]
    terminal 80 24 LC_ALL=C.UTF-8 rbk resume
    wait_for shows ' ? only  held'
    wait_for shows 'try the stage again'
    touch may go
    rbk retry "$(run_id)" only
    wait_for shows 'ended with 0'
}

@test "NO_COLOR takes the colours and nothing else" {
    two_steps
    terminal 80 24 LC_ALL=C.UTF-8 NO_COLOR=1 rbk run plan.rbk
    wait_for shows '▶ only'
    run screen -e
    [[ $output != *$'\033['[0-9]*m* ]]
    touch go
    wait_for shows 'ended with 0'
}

@test "an ASCII locale gets ASCII" {
    two_steps
    terminal 80 24 LC_ALL=C rbk run plan.rbk
    wait_for shows '> only  applying'
    [ "$(screen | LC_ALL=C grep -c '[^ -~]')" -eq 0 ]
    touch go
    wait_for shows 'ended with 0'
}

@test "a dumb terminal, and --plain, get lines" {
    two_steps
    terminal 80 24 TERM=dumb LC_ALL=C.UTF-8 rbk run plan.rbk
    wait_for under_way only.apply.1
    wait_for shows 'only            applying'
    not shows '▶ only'
    touch go
    wait_for shows 'ended with 0'
    tmux -S "$tmux_socket" kill-server
    rm -f go first second
    terminal 80 24 LC_ALL=C.UTF-8 rbk run plan.rbk --plain
    wait_for shows 'only            applying'
    not shows '▶ only'
    touch go
    wait_for shows 'ended with 0'
}
