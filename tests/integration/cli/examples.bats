#!/usr/bin/env bats
# examples/README.md, word for word: each block is pasted into a shell in a copy of the folder, as a new user would.
# shellcheck disable=SC2154,SC2030,SC2031  # set by setup(), one process for each test
load helpers

examples=$BATS_TEST_DIRNAME/../../../examples

# paste_block NUMBER: the block of the section that begins with it; what it prints is in out.
paste_block() {
    cp -r "$examples" copy
    cd copy || return 1
    awk -v section="## $1:" '
        index($0, "## ") == 1 { mine = index($0, section) == 1 }
        mine && /^```$/ { inside = 0 }
        inside { print }
        mine && /^```sh$/ { inside = 1 }' README.md >../block
    [ -s ../block ]
    bash -u ../block >../out 2>&1 </dev/null
    cd ..
}

@test "01 completes" {
    paste_block 01
    status_is completed
    grep -q 'Lovelace *│ *ada@example.com *│ *Ada ' out || grep -q '| Ada ' out
}

@test "02 rolls back, and the orders are as they were" {
    paste_block 02
    status_is aborted
    grep -q ' 5 .* 6755 ' out
}

@test "03 goes on where it was killed" {
    paste_block 03
    status_is completed
    grep -q 'still runs: attached to it again' out
    [ "$(grep -cx started out)" -eq 1 ]
    [ "$(grep -cx finished out)" -eq 1 ]
}

@test "04 asks three questions, and completes" {
    paste_block 04
    status_is completed
    [ "$(grep -cx accepted out)" -eq 3 ]
}

@test "05 is turned round by its trigger" {
    paste_block 05
    status_is aborted
    grep -q 'trigger broken fired' out
}
