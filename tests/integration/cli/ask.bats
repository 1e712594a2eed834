#!/usr/bin/env bats
# What people ask of a run from another terminal, and what they are told.
# shellcheck disable=SC2154,SC2030,SC2031  # set by setup(), one process for each test
load helpers

@test "an approval and a step done by hand let a run go on" {
    gated
    start plan.rbk
    wait_for asks only.approve.1
    run rbk status
    [[ $output =~ "rbk approve $(run_id) "(only\.approve\.1@[0-9]+) ]]
    question=${BASH_REMATCH[1]}
    run rbk approve "$(run_id)" "$question"
    [ "$output" = accepted ]
    wait_for asks only.apply.2
    run rbk answer "$(run_id)" "done"
    [ "$output" = accepted ]
    run rbk deny "$(run_id)" "$question"
    [ "$status" -eq 1 ]
    ended 0
    grep -q "$(id -un) answered yes to only.approve.1" out
}

@test "a denied approval applies its else" {
    gated
    start plan.rbk
    wait_for asks only.approve.1
    rbk deny "$(run_id)"
    ended 10
    [ ! -e applied ]
    grep -q 'aborted: nothing had been applied' out
}

@test "a step that a person could not do is rolled back" {
    gated
    start plan.rbk
    wait_for asks only.approve.1
    rbk approve "$(run_id)"
    wait_for asks only.apply.2
    rbk answer "$(run_id)" only.apply.2 not-done
    ended 10
    [ ! -e applied ]
}

@test "only members of a role may answer for it" {
    gated
    sed -i 's/approve dba/approve nobody/' plan.rbk
    start plan.rbk
    wait_for asks only.approve.1
    run rbk approve "$(run_id)"
    [ "$status" -eq 1 ]
    [[ $output == *'refused: you do not speak for any role'* ]]
    asks only.approve.1
    rbk cancel "$(run_id)"
    ended 40
}

@test "an answer to what is not asked is refused" {
    gated
    start plan.rbk
    wait_for asks only.approve.1
    run rbk approve "$(run_id)" only.apply.2
    [ "$status" -eq 1 ]
    [[ $output == *'no such question is open'* ]]
    run rbk answer "$(run_id)" maybe
    [ "$status" -eq 2 ]
    run rbk answer "$(run_id)" rollback
    [ "$status" -eq 1 ]
    rbk cancel "$(run_id)"
    ended 40
}

@test "pause holds what is next, continue lets it go" {
    two_steps
    start plan.rbk
    wait_for under_way only.apply.1
    [ "$(rbk runs --json | jq .events)" -eq "$(rbk status --json | jq .events)" ]
    rbk pause "$(run_id)"
    status_is paused
    run rbk status
    [[ $output == *'1 step is still under way, and not stopped; nothing new begins behind it'* ]]
    touch go
    run rbk status
    [[ $output == *"rbk continue $(run_id)"* ]]
    [ ! -e second ]
    rbk continue "$(run_id)"
    ended 0
}

@test "abort stops the step under way and takes everything back" {
    two_steps
    start plan.rbk
    wait_for under_way only.apply.1
    rbk abort "$(run_id)" --reason "changed our minds"
    ended 10
    [ ! -e first ]
    grep -q 'changed our minds' out
}

@test "cancel is refused while something stands applied" {
    two_steps
    start plan.rbk
    wait_for under_way only.apply.1
    run rbk cancel "$(run_id)"
    [ "$status" -eq 1 ]
    [[ $output == *'an apply has begun: the run can be aborted, but not cancelled'* ]]
    touch go
    ended 0
}

@test "retry tries a held stage again" {
    two_steps
    sed -i 's/file.exists("second") }/file.exists("third") }/' plan.rbk
    touch go
    start plan.rbk
    wait_for status_is held
    touch third
    rbk retry "$(run_id)" only
    ended 0
}

@test "a request to a run without a runner waits for resume" {
    two_steps
    start plan.rbk
    wait_for under_way only.apply.1
    kill -KILL "$runner"
    wait "$runner" || true
    runner=
    refused 'the plan has no stage "onyl"; it has only' retry "$(run_id)" onyl
    run rbk abort "$(run_id)"
    [ "$status" -eq 0 ]
    [[ $output == *"no runner drives run $(run_id) now: the request waits for \`rbk resume"* ]]
    run rbk status
    [[ $output == *'asked for, and not handled yet'* ]]
    [[ $output == *'finds out: its supervisor is asked; where it does not know, it is carried out again'* ]]
    run rbk resume
    [ "$status" -eq 10 ]
    [ ! -e first ]
}

# retiring: a plan with one stage, a second of grace and a retire that asks and then fails.
retiring() {
    two_steps
    touch go
    sed -i '$d' plan.rbk
    cat >>plan.rbk <<'END'
    role dba { contact "dba@example.com" }
    grace 1s
    retire "Drop the old one" {
        approve dba within 5m else keep
        apply within 10s { run "false" idempotent }
        verify within 10s { check "it is gone" not file.exists("old") }
    }
}
END
}

@test "who does not retire the old system reads that it is kept" {
    retiring
    start plan.rbk
    wait_for asks retire.approve.1
    run rbk abort "$(run_id)"
    [[ $output == *'the grace is over: there is no way back any more'* ]]
    run rbk cancel "$(run_id)"
    [[ $output == *'the grace is over: there is no way back any more' ]]
    rbk deny "$(run_id)"
    ended 0
    grep -q 'retire *is not carried out: the old system is kept' out
    grep -q 'completed, .*; the old system is kept' out
    [ "$(rbk status --json | jq -r '.stages[1].status')" = kept ]
}

@test "a retire that failed is held, and given up by who resolves it" {
    retiring
    start plan.rbk
    wait_for asks retire.approve.1
    rbk approve "$(run_id)"
    wait_for status_is held
    grep -q 'retire *is held: ' out
    rbk resolve "$(run_id)" retire not-done --reason "tomorrow"
    ended 0
    grep -q 'completed, .*; the retire was given up' out
    [ "$(rbk status --json | jq -r '.stages[1].status')" = "given up" ]
}

@test "requests that nobody has handled are told as they were given" {
    gated
    start plan.rbk
    wait_for asks only.approve.1
    kill -KILL "$runner"
    wait "$runner" || true
    runner=
    rbk approve "$(run_id)" --reason "it is time"
    rbk alert "$(run_id)" Paged firing
    rbk retry "$(run_id)" only
    run rbk status
    [[ $output =~ $(id -un)\ +yes:\ only\.approve\.1\ -\ it\ is\ time ]]
    [[ $output == *' alert: Paged firing'* ]]
    [[ $output == *' retry: only'* ]]
    [[ $output == *"handled by rbk resume $(run_id)"* ]]
    [[ $output != *'{'* ]]
}

@test "who resumes reads what was refused of the requests that waited" {
    gated
    start plan.rbk
    wait_for asks only.approve.1
    kill -KILL "$runner"
    wait "$runner" || true
    runner=
    rbk retry "$(run_id)" only
    rbk deny "$(run_id)"
    rbk approve "$(run_id)"
    run rbk resume
    [ "$status" -eq 10 ]
    [[ $output == *"$(id -un) had asked for this: retry; it is refused: nothing is held or stuck"* ]]
    [[ $output == *"$(id -un) had asked for this: yes; it is refused: "* ]]
    [[ $output != *'this: no;'* ]]
}

@test "a runner that is stopped is seen by whoever looks or asks" {
    two_steps
    start plan.rbk
    wait_for under_way only.apply.1
    kill -STOP "$runner"
    stops() { rbk runs | grep -q ' stopped '; }
    wait_for stops
    run rbk status
    [[ $output == *"stopped (Ctrl-Z or SIGSTOP), and does nothing until "*"kill -CONT $runner"* ]]
    told() { rbk "$1" --json | jq -c '[.runner, .runner_process.state, .runner_process.pid, .runner_process.host]'; }
    [ "$(told status)" = "[true,\"stopped\",$runner,\"$(hostname)\"]" ]
    [ "$(told runs)" = "$(told status)" ]
    [ "$(rbk status --json | jq -r '.what_now[1]')" = "  kill -CONT $runner   # or \`fg\` in its terminal" ]
    run rbk pause "$(run_id)"
    [ "$status" -eq 1 ]
    [[ $output == *"is stopped"*"kill -CONT $runner"* ]]
    kill -CONT "$runner"
    wait_for status_is paused
    run rbk status
    [[ $output == *"runner      lives, process $runner"* ]]
    [ "$(told status)" = "[true,\"alive\",$runner,\"$(hostname)\"]" ]
    last=$runner
    kill -KILL "$runner"
    wait "$runner" || true
    runner=
    [ "$(told status)" = "[false,\"gone\",$last,\"$(hostname)\"]" ]
    [ "$(told runs)" = "$(told status)" ]
}

@test "a runner of another host is told as one of which nobody knows whether it is stopped" {
    two_steps
    start plan.rbk
    wait_for under_way only.apply.1
    elsewhere() { sqlite3 "$RBK_STORE" "UPDATE leases SET holder = 'process 4711 on far-away'"; }
    wait_for elsewhere
    [ "$(rbk status --json | jq -c .runner_process)" = '{"state":"elsewhere","pid":4711,"host":"far-away"}' ]
    run rbk status
    [[ $output == *'lives on far-away, process 4711; from here nobody sees whether it is stopped'* ]]
    run rbk runs
    [[ $output == *' elsewhere '* ]]
    kill -KILL "$runner"
    wait "$runner" || true
    runner=
    [ "$(rbk status --json | jq -c .runner_process)" = '{"state":"gone","pid":4711,"host":"far-away"}' ]
    run rbk status
    [[ $output == *"none; the last one ran on far-away: go on with rbk resume $(run_id)"* ]]
}

@test "who resumes a run that waits is told what for" {
    two_steps
    start plan.rbk
    wait_for under_way only.apply.1
    rbk pause "$(run_id)"
    touch go
    kill -KILL "$runner"
    wait "$runner" || true
    run rbk resume --no-wait
    [ "$status" -eq 30 ]
    [[ $output == *'paused: a person asked for it'*"rbk continue $(run_id)   # go on"* ]]
    [[ $output == *"paused; go on with rbk continue $(run_id)"*" and then rbk resume $(run_id)"* ]]
    rbk continue "$(run_id)"
    run rbk resume
    [ "$status" -eq 0 ]
}

@test "a stage that never came to its apply is not held when the run has ended" {
    gated
    start plan.rbk
    wait_for asks only.approve.1
    rbk cancel "$(run_id)"
    ended 40
    [ "$(rbk status --json | jq -r '.stages[0].status')" = "not applied" ]
    grep -q 'only *ends before its apply: there is nothing to take back' out
    run rbk status
    [[ $output != *held* ]]
}

@test "a run that has ended takes no requests" {
    two_steps
    touch go
    rbk run plan.rbk
    run rbk abort "$(run_id)"
    [ "$status" -eq 1 ]
    [[ $output == *'has ended: completed'* ]]
    run rbk approve nothing
    [ "$status" -eq 1 ]
}

@test "a stuck run waits for a person, and resolve ends it" {
    two_steps
    sed -i 's/run "rm -f first second" idempotent/run "false" idempotent/; s/check "second is there" file.exists("second")/check "never" file.exists("never")/' plan.rbk
    sed -i '2a role dba { contact "dba@example.com" } escalate stuck to dba' plan.rbk
    touch go
    run rbk run plan.rbk --no-wait
    [ "$status" -eq 20 ]
    grep -q 'of two_steps is stuck and needs a person: check "never" file.exists("never") failed: file.exists = false$' <<<"$output"
    run rbk status
    [[ $output == *"rbk resolve $(run_id) only done --reason WHY"* ]]
    [[ $output == *'told: dba'* ]]
    [[ $output != *'I am looking at it'* ]] # nobody is next
    [[ $output == *"rbk log $(run_id)   # what happened, and what its steps printed"* ]]
    # What began it, and what it is stuck by.
    [[ $output == *'stuck: check "never" file.exists("never") failed: file.exists = false'* ]]
    [[ $output == *'stage only is stuck: run "false" (only.rollback.1) failed; it is going back because of this: check "never" (only.verify.1) failed'* ]]
    [[ $output == *'run "false" (only.rollback.1) failed: exit status 1'* ]]
    run rbk resolve "$(run_id)" only "done"
    [ "$status" -eq 2 ]
    rbk resolve "$(run_id)" only "done" --reason "taken back by hand"
    run rbk resume --no-wait
    [ "$status" -eq 10 ] || [ "$status" -eq 30 ]
    [[ $output == *'is rolled back by hand, as somebody said'* ]]
    run rbk status
    [[ $output == *'held: check "never" file.exists("never") failed: file.exists = false'* ]]
    [[ $output == *'stage only is rolled back: check "never" (only.verify.1) failed; on its way back: run "false" '* ]]
}

@test "a stage that goes back again after it was stuck still says why it went back" {
    two_steps
    sed -i '2a role dba { contact "dba@example.com" } escalate stuck to dba, then dba after 10m' plan.rbk
    sed -i 's/run "rm -f first second" idempotent/shell "test -e mended \&\& while [ -e slow ]; do sleep 0.05; done; rm -f first second; test -e mended" idempotent/; s/check "second is there" file.exists("second")/check "never" file.exists("never")/' plan.rbk
    touch go slow
    run rbk run plan.rbk --no-wait
    [ "$status" -eq 20 ]
    run rbk status
    [[ $output == *'told: dba; dba in 9m '* ]]
    [[ $output == *"rbk resolve $(run_id) only not-done --reason 'I am looking at it'   # nobody further is called"* ]]
    [ "$(rbk status --json | jq -r '.clocks[] | select(.what == "escalation") | .name')" = dba ]
    # Who answers for it lets the others sleep; they have not been told.
    rbk resolve "$(run_id)" only not-done --reason "I am looking at it"
    run rbk resume --no-wait
    [ "$status" -eq 20 ]
    run rbk status
    [[ $output == *'  somebody has answered: nobody further is called'* && $output != *'told: '* ]]
    [[ $output != *'not-done --reason'* ]]
    touch mended
    rbk retry "$(run_id)"
    rbk resume --no-wait >out 2>err </dev/null &
    runner=$!
    wait_for under_way only.rollback.1
    json=$(rbk status --json)
    run jq -r '.status, .cause, .reason, .stages[0].cause, .stages[0].failure, .stages[0].failed_back, .stages[0].failure_back' <<<"$json"
    [ "${lines[0]}" = running ]
    [ "${lines[1]}" = 'check "never" (only.verify.1) failed' ]
    [ "${lines[2]}" = 'check "never" file.exists("never") failed: file.exists = false' ]
    [ "${lines[3]}" = 'check "never" (only.verify.1) failed' ]
    [ "${lines[4]}" = 'file.exists = false' ]
    [[ ${lines[5]} == 'shell "test -e mended'*'(only.rollback.1) failed' ]]
    [ "${lines[6]}" = 'exit status 1' ]
    run rbk status
    [[ $output == *'running: check "never" file.exists("never") failed: file.exists = false'* ]]
    [[ $output == *'failed on the way back: only.rollback.1: exit status 1'* ]]
    [[ $output == *'only.verify.1: file.exists = false'* ]]
    rm slow
    wait "$runner" || [ "$?" -eq 30 ]
    run rbk status
    [[ $output == *'held: check "never" file.exists("never") failed: file.exists = false'* ]]
    [[ $output == *'; on its way back: shell "test -e mended'* ]]
}

@test "a step in doubt is explained, and a person resolves it" {
    two_steps
    sed -i 's/ touch first" idempotent/ touch first"/' plan.rbk
    start plan.rbk
    wait_for under_way only.apply.1
    kill -KILL "$runner"
    wait "$runner" || true
    # What knew how the command ends is gone too, and the command with it. Somebody does it by hand.
    kill -KILL "$(sed -n 's/^pid //p' "state/runs/$(run_id)/supervisor.id")"
    touch go first
    rbk resume >out 2>err </dev/null &
    runner=$!
    wait_for asks only.apply.1
    run rbk status
    [[ $output == *'in doubt'* ]]
    [[ $output == *'status      running, a question is open'* ]]
    [[ $output == *'did it happen? '*', else abort'* ]]
    [[ $output == *'its supervisor is gone and left no record of how it ended'* ]]
    [[ $output == *'it happened, or it did not, or it is still going on'* ]]
    [[ $output == *'done: the run goes on behind it; not-done: it is carried out as if it had never begun'* ]]
    [[ $output != *'under way'* ]]
    [[ $(rbk status --json | jq -r '.open_effects[0].why') == *'its supervisor is gone'* ]]
    [[ $output =~ "rbk resolve $(run_id) "(only\.apply\.1@[0-9]+)" done --reason WHY" ]]
    question=${BASH_REMATCH[1]}
    run rbk resolve "$(run_id)" only.apply.1@999 "done" --reason "another one"
    [ "$status" -eq 1 ]
    run rbk answer "$(run_id)" "done"
    [ "$status" -eq 2 ]
    [[ $output == *'a reason is missing'* ]]
    run rbk resolve "$(run_id)" "$question" "done" --reason "the file is there"
    [ "$output" = accepted ]
    ended 0
    [ -e second ]
    grep -q 'the file is there' out
}

# What `rbk …` says when it refuses.
refused() {
    local wanted=$1
    shift
    run rbk "$@"
    [ "$status" -ne 0 ]
    [[ $output == *"$wanted"* ]] || { echo "rbk $*: $output"; return 1; }
}

@test "who is refused is told what there is and what to do next" {
    gated
    start plan.rbk
    wait_for asks only.approve.1
    id=$(run_id)
    refused 'lists them' approve nothing
    refused 'lists the runs' approve
    refused 'open: only.approve.1@' approve "$id" nothing
    refused 'open: only.approve.1@' approve "$id" only.approve.1@999
    refused 'open: only.approve.1@' attest "$id"
    refused 'neither in doubt nor stuck; open: only.approve.1@' resolve "$id" only "done" --reason "seen"
    refused 'it is running' continue "$id"
    refused 'it is running' retry "$id"
    refused 'the plan has no stage "nowhere"; it has only' retry "$id" nowhere
    refused 'the plan has no signal "nothing"' signal "$id" nothing
    run rbk alert "$id" Mistyped firing
    [[ $output == *'no probe of this plan reads an alert "Mistyped"'* ]]
    rbk pause "$id"
    refused "\`rbk status $id\` says what can be done" pause "$id"
    refused 'it is paused' retry "$id"
    rbk cancel "$id"
    ended 40
    refused 'has ended: cancelled' approve "$id"
}

@test "signals and alerts reach the run by name" {
    two_steps
    sed -i 's/    rollback within 1m/    rollback within 1m\n    abort on signal integrity "data is wrong"\n    probe paged = alert("Paged")\n    trigger alarm when paged then pause/' plan.rbk
    sed -i '/unwatched/d' plan.rbk
    start plan.rbk
    wait_for under_way only.apply.1
    run rbk alert "$(run_id)" Paged firing
    [ "$output" = accepted ]
    wait_for status_is paused
    run rbk status
    [[ $output == *'trigger alarm still holds: a run that goes on does so in spite of it'* ]]
    rbk alert "$(run_id)" Paged resolved
    quiet_again() { rbk status | grep -q 'trigger alarm is quiet again'; }
    wait_for quiet_again
    runner=$(rbk status --json | jq .runner_process.pid)
    kill -STOP "$runner"
    was_quiet() { rbk status | grep -q 'trigger alarm was quiet again when it was last read'; }
    wait_for was_quiet # nobody reads it now
    kill -CONT "$runner"
    run rbk signal "$(run_id)" nothing
    [ "$status" -eq 1 ]
    [[ $output == *'the plan has no signal "nothing"; it has integrity'* ]]
    rbk signal "$(run_id)" integrity
    ended 10
    grep -q 'alert Paged is firing' out
    grep -q 'signal integrity: data is wrong' out
}

@test "an alert without the labels that a probe asks for is not taken for read" {
    two_steps
    sed -i 's/    rollback within 1m/    rollback within 1m\n    probe paged = alert("Paged", service: "leads")\n    trigger alarm when paged then pause/' plan.rbk
    sed -i '/unwatched/d' plan.rbk
    start plan.rbk
    wait_for under_way only.apply.1
    run rbk alert "$(run_id)" Paged firing
    [[ $output == *'no probe of this plan reads an alert "Paged"; they read: Paged with service=leads'* ]]
    run rbk alert "$(run_id)" Paged firing --label service=shop
    [[ $output == *'reads an alert "Paged" with these labels; they read: Paged with service=leads'* ]]
    status_is running
    run rbk alert "$(run_id)" Paged firing --label service=leads --label site=north
    [ "$output" = accepted ]
    wait_for status_is paused
    rbk abort "$(run_id)"
    ended 10
}

@test "what an abort would meet, and what silence means behind grace, is said beforehand" {
    cat >plan.rbk <<'END'
plan retiring {
    title "Retire"
    rollback within 20m
    role dba { contact "dba@example.com" }
    held at most 30m else ask dba within 10m else abort
    trigger bad when file.exists("bad") every 100ms timeout 1s then ask dba within 5m else abort missing then pause
    stage zero "Zero" {
        risk low
        apply within 1m { run "touch zero" idempotent }
        verify within 10s { check "zero is there" file.exists("zero") }
        rollback w when file.exists("zero") every 1s within 30s {
            run "rm -f zero" idempotent
            verify { check "gone" file.exists("zero") == false }
        }
    }
    stage next "Next" {
        risk low
        apply within 1m { wait until file.exists("go") every 50ms timeout 50s run "touch next" idempotent }
        verify within 10s { check "next is there" file.exists("next") }
        rollback within 30s {
            run "rm -f next" idempotent
            verify { check "gone" file.exists("next") == false }
        }
    }
    grace 300ms
    retire "Drop the old" {
        approve dba within 10m else keep
        apply within 1m { run "test -e old" idempotent }
        verify within 10s { check "old is gone" file.exists("old") == false }
    }
}
END
    start plan.rbk
    wait_for under_way next.apply.1
    touch bad
    wait_for asks trigger.bad
    run rbk status
    [[ $output == *'what now? Trigger bad: file.exists("bad")'*'true at '*', on file.exists = true'*'rbk answer '*' abort'* ]]
    mv zero away
    closed() { rbk status | grep -q 'no way back of stage zero is open: an abort would be stuck there'; }
    wait_for closed
    [[ $(rbk status --json | jq -r '.what_now[]') == *'an abort would be stuck there'* ]]
    mv away zero
    rm bad
    not_closed() { not closed; }
    wait_for not_closed
    rbk answer "$(run_id)" ignore
    touch go
    wait_for asks retire.approve.1
    rbk approve "$(run_id)"
    wait_for status_is held
    run rbk status
    [[ $output == *'at most, then ask dba, and at last the old system is kept'* ]]
    [[ $output == *'no way back any more'* ]]
    rbk resolve "$(run_id)" retire not-done --reason "it may stay"
    ended 0
}
