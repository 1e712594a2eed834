#!/usr/bin/env bats
# rbk run, resume, status, log, runs: exit statuses, output, and runs that outlive their runner.
# shellcheck disable=SC2154,SC2030,SC2031  # set by setup(), one process for each test
load helpers

@test "a plan that completes ends with 0, and its journal tells the story" {
    two_steps
    touch go
    run rbk run plan.rbk
    [ "$status" -eq 0 ]
    [[ $output == *'only            run "touch second" ok'* ]]
    [[ $output == *'only            stands applied and verified'* ]]
    [ -e second ]
    run rbk log
    [[ $output == *'check "second is there" ok'* ]]
    run rbk status
    [ "$status" -eq 0 ]
    [[ $output == *'status      completed'* ]]
}

@test "a stage that fails is rolled back; the run is held, and an abort ends it with 10" {
    two_steps
    sed -i 's/check "second is there" file.exists("second")/check "never" file.exists("never")/' plan.rbk
    touch go
    start plan.rbk
    wait_for status_is held
    [ ! -e second ]
    run rbk status
    [[ $output == *"rbk retry $(run_id) only"* ]]
    run rbk abort "$(run_id)" --reason "enough"
    [ "$status" -eq 0 ]
    [ "$output" = accepted ]
    ended 10
    grep -q 'asked to abort: enough' out
}

@test "between two attempts of a stage it is said which comes when" {
    two_steps
    touch go
    sed -i 's/        unwatched/        attempts 2 every 4s\n        unwatched/; s/file.exists("second") }/file.exists("third") }/' plan.rbk
    start plan.rbk --no-wait
    waits() { [ "$(rbk status --json | jq '.stages[0].waits // "" | test("^until .* for try 2 of 2$")')" = true ]; }
    wait_for waits
    run rbk status
    [[ $output == *'next attempt '*' only '* ]]
    ended 30
    grep -q 'only *is rolled back and verified; try 2 of 2 follows at ' out
}

@test "what does not compile ends with 3 and the place" {
    printf 'plan p {\n    stage s { }\n}\n' >plan.rbk
    run rbk run plan.rbk
    [ "$status" -eq 3 ]
    [[ $output == *'RBK101'* ]]
    [[ $output == *'plan.rbk:2:'* ]]
    [ ! -e "$RBK_STORE" ]
}

@test "a machine runs, and a damaged one ends with 3" {
    two_steps
    touch go
    rbkc build plan.rbk -o plan.rbkm
    mv plan.rbk source.rbk
    run rbk run plan.rbkm
    [ "$status" -eq 0 ]
    head -c 500 plan.rbkm >cut.rbkm
    run rbk run cut.rbkm
    [ "$status" -eq 3 ]
    sed 's/touch second/touch sec0nd/' plan.rbkm >edited.rbkm
    run rbk run edited.rbkm
    [ "$status" -eq 3 ]
}

@test "wrong usage ends with 2" {
    run rbk
    [ "$status" -eq 2 ]
    run rbk fly
    [ "$status" -eq 2 ]
    [[ $output == *'there is no command "fly"'* ]]
    run rbk aprove
    [ "$status" -eq 2 ]
    [[ $output == *'did you mean approve?'* ]]
    run rbk run
    [ "$status" -eq 2 ]
    run rbk run --no-such-option plan.rbk
    [ "$status" -eq 2 ]
    two_steps
    run rbk run plan.rbk --set unknown=1
    [ "$status" -eq 2 ]
    run rbk run plan.rbk --set nothing
    [ "$status" -eq 2 ]
}

@test "every command explains itself" {
    for command in run resume status log runs approve deny answer pause continue abort cancel \
        retry resolve signal alert; do
        run rbk "$command" --help
        [ "$status" -eq 0 ]
        [[ $output == *"rbk $command: "* ]]
        [[ $output == *--store* ]]
    done
    run rbk --help
    [ "$status" -eq 0 ]
    run rbk --version
    [[ $output == rbk\ * ]]
}

@test "--no-wait says what it means to each command" {
    run rbk resume --help
    [[ $output == *'end when held, paused or stuck'* && $output != *reply* ]]
    run rbk pause --help
    [[ $output == *"do not wait for the runner's reply"* && $output != *'when held'* ]]
}

@test "options may stand before the command" {
    run rbk --store "$scratch/other.db" runs --json
    [ "$status" -eq 1 ]
    [[ $output == *"no store at \"$scratch/other.db\""* ]]
}

@test "--json is one object a line, and the last has the exit status" {
    two_steps
    touch go
    rbk run plan.rbk --json >out.jsonl
    jq -e . out.jsonl >/dev/null
    [ "$(tail -n 1 out.jsonl | jq -r '.kind, .exit' | xargs)" = "end 0" ]
    [ "$(jq -r 'select(.step == "only.apply.2") | .outcome' out.jsonl)" = ok ]
    [ "$(rbk log --json | jq -r 'select(.seq == 1).kind')" = start ]
}

@test "nobody has to read the output" {
    two_steps
    touch go
    run bash -c 'rbk run plan.rbk >&- 2>&- <&-'
    [ "$status" -eq 0 ]
    run bash -c 'set -o pipefail; rbk run plan.rbk --json | head -n 1 >/dev/null'
    [ "$status" -eq 0 ]
    run bash -c 'rbk run plan.rbk >/dev/full'
    [ "$status" -eq 0 ]
    [ "$(rbk runs --json | jq -r .status | sort -u)" = completed ]
}

@test "what only looks waits for a reader that takes its time, and says when it cannot write" {
    cat >plan.rbk <<'END'
plan talker {
    stage only "Only" {
        unwatched because "a test"
        apply within 1h { foreach n in lines(run.output("seq 150")) at most 150 { run "touch made" timeout 5s idempotent } }
        verify within 5s { check "it is there" file.exists("plan.rbk") }
        rollback within 5s {
            run "rm -f nothing" idempotent
            verify { check "it is there" file.exists("plan.rbk") retry 1 every 1s }
        }
    }
}
END
    rbk run plan.rbk >out
    rbk log --json >log.jsonl
    [ "$(wc -c <log.jsonl)" -gt 100000 ] # more than a pipe holds
    rbk log --json | (sleep 0.5 && cmp - log.jsonl)
    for command in log 'log --json' status runs 'runs --json' '--help'; do
        run bash -c "rbk $command >/dev/full"
        echo "$command: $output"
        [ "$status" -eq 1 ]
        [[ $output == *'No space left on device'* ]]
    done
    run bash -c 'set -o pipefail; rbk log | head -n 1 >/dev/null'
    [ "$status" -eq 0 ]
    # More than a pipe holds, to a reader that is gone already.
    run bash -c 'set -o pipefail; rbk report --format html | true'
    [ "$status" -eq 0 ]
}

@test "SIGTERM pauses after the step under way, and resume goes on" {
    two_steps
    start plan.rbk
    wait_for under_way only.apply.1
    kill -TERM "$runner"
    wait_for status_is paused
    touch go
    ended 30
    grep -q "resume with rbk resume $(run_id)" out
    [ ! -e second ]
    run rbk resume
    [ "$status" -eq 0 ]
    [ -e second ]
}

@test "a second SIGTERM stops at once; the command goes on and is attached to" {
    two_steps
    start plan.rbk
    wait_for under_way only.apply.1
    kill -TERM "$runner"
    wait_for status_is paused
    kill -TERM "$runner"
    ended 30
    [ ! -e first ]
    touch go
    run rbk resume
    [ "$status" -eq 0 ]
    [[ $output == *'attached to it again'* || $output == *'had ended well'* ]]
}

@test "a terminal that goes away after a Ctrl-C does not stop the runner at once" {
    two_steps
    start plan.rbk
    wait_for under_way only.apply.1
    kill -TERM "$runner"
    wait_for status_is paused
    kill -HUP "$runner"
    touch go
    ended 30
    grep -q 'touch first" ok' out
}

@test "when somebody lets the run go on, the next Ctrl-C is a first one again" {
    two_steps
    start plan.rbk
    wait_for under_way only.apply.1
    kill -TERM "$runner"
    wait_for status_is paused
    rbk continue "$(run_id)"
    kill -TERM "$runner"
    wait_for status_is paused
    touch go
    ended 30
    grep -q 'touch first" ok' out
}

@test "a Ctrl-C while somebody had paused the run counts no more once it goes on" {
    two_steps
    start plan.rbk
    wait_for under_way only.apply.1
    rbk pause "$(run_id)"
    wait_for status_is paused
    kill -TERM "$runner"
    run rbk pause "$(run_id)" # answered: the signal, which came before, was seen too
    [[ $output == *'already'* ]]
    grep -q 'the runner stops once what is under way has ended; a second Ctrl-C stops it at once' out
    rbk continue "$(run_id)"
    kill -TERM "$runner"
    wait_for status_is paused
    touch go
    ended 30
    grep -q 'touch first" ok' out
}

@test "a runner that is killed leaves a run that status explains and resume finishes" {
    two_steps
    start plan.rbk
    wait_for under_way only.apply.1
    kill -KILL "$runner"
    wait "$runner" || true
    runner=
    run rbk status
    [[ $output == *"none; go on with rbk resume $(run_id)"* ]]
    [[ $output == *'no result in the journal'* ]]
    [[ $output == *' of apply '*'(wall clock'* ]]
    # A request alone would wait for ever: what to do first is said, to programs as well.
    [[ $output == *"no runner drives it: nothing goes on, no trigger is read,"*"    rbk resume $(run_id)   # a new runner takes it over"* ]]
    [ "$(rbk status --json | jq -r '.what_now[-1]')" = "  rbk resume $(run_id)   # a new runner takes it over" ]
    touch go
    run rbk resume
    [ "$status" -eq 0 ]
    [ -e second ]
}

@test "a second runner is refused while the first lives" {
    two_steps
    start plan.rbk
    wait_for under_way only.apply.1
    run rbk resume
    [ "$status" -eq 1 ]
    [[ $output == *'is driven by process'* ]]
    touch go
    ended 0
}

@test "resume without a run asks which when there are several, and a prefix is enough" {
    two_steps
    for count in 1 2; do
        start plan.rbk --no-wait
        wait_for runs_are "$count"
        kill -KILL "$runner"
        wait "$runner" || true
        runner=
    done
    run rbk resume
    [ "$status" -eq 2 ]
    [[ $output == *'which run?'* ]]
    touch go
    id=$(rbk runs --json | jq -r .run | head -n 1)
    run rbk resume "${id%?}"
    [ "$status" -eq 0 ]
    run rbk status nothing-like-that
    [ "$status" -eq 1 ]
}

@test "parameters come from a file and the command line" {
    cat >plan.rbk <<'END'
plan with_params {
    rollback within 1m
    param name: text
    param count: int = 1 where count > 0 "at least one"
    stage only {
        kind configuration
        risk low
        unwatched because "a test"
        apply within 10s { run "touch ${name}-${count}" idempotent }
        verify within 10s { check "there" file.exists("${name}-${count}") }
        rollback within 10s {
            run "rm -f ${name}-${count}" idempotent
            verify { check "gone" file.exists("${name}-${count}") == false }
        }
    }
}
END
    echo '{"name": "file", "count": 3}' >params.json
    run rbk run plan.rbk
    [ "$status" -eq 2 ]
    [[ $output == *name* ]]
    rbk run plan.rbk --params params.json
    [ -e file-3 ]
    rbk run plan.rbk --params params.json --set name=given
    [ -e given-3 ]
    run rbk run plan.rbk --set name=x --set count=0
    [ "$status" -eq 2 ]
    [[ $output == *'at least one'* ]]
    run rbk run plan.rbk --set name=x --set count=many
    [ "$status" -eq 2 ]
}

@test "text from a command does not control the terminal" {
    two_steps
    touch go
    sed -i "s/run \"touch second\" idempotent/shell \"printf '\\\\\\\\033[2Jgone'; exit 3\" idempotent/" plan.rbk
    run rbk run plan.rbk --no-wait
    [ "$status" -eq 30 ]
    [[ $output != *$'\033'* ]]
    run rbk status
    [[ $output != *$'\033'* ]]
}

@test "a store that is none is refused" {
    two_steps
    mkdir -p state
    head -c 8192 /dev/urandom >state/store.db
    run rbk run plan.rbk
    [ "$status" -eq 1 ]
    run rbk status
    [ "$status" -eq 1 ]
}
