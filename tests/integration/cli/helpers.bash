# Shared by the tests of the commands: a scratch folder with a store of its own, and waiting that is
# bounded and looks at what it waits for.
# shellcheck shell=bash

setup() {
    : "${RBK_BIN:?the folder of the programs}"
    PATH=$RBK_BIN:$PATH
    scratch=$(mktemp -d)
    cd "$scratch" || exit 1
    export RBK_STORE=$scratch/state/store.db
    unset NO_COLOR XDG_STATE_HOME
    export LC_ALL=C TZ=UTC
    runner=
}

teardown() {
    if [ -n "$runner" ]; then
        kill -KILL "$runner" 2>/dev/null || true
        wait "$runner" 2>/dev/null || true
    fi
    if [ -n "${tmux_socket:-}" ]; then
        tmux -S "$tmux_socket" kill-server 2>/dev/null || true
    fi
    cd / && rm -rf "$scratch"
}

# wait_for COMMAND…: until it succeeds, ten seconds at most.
wait_for() {
    local tries
    for ((tries = 0; tries < 200; tries++)); do
        if "$@" >/dev/null 2>&1; then
            return 0
        fi
        sleep 0.05
    done
    echo "waited in vain for: $*" >&2
    rbk status >&2 || true
    return 1
}

# not COMMAND…: a `!` would not fail a test.
not() {
    if "$@"; then
        return 1
    fi
}

# status_is WORD: the status of the only run.
status_is() {
    [ "$(rbk runs --json | jq -r .status)" = "$1" ]
}

# asks NAME: the run asks this question.
asks() {
    [ "$(rbk status --json | jq --arg name "$1" 'any(.questions[]; .question == $name)')" = true ]
}

# under_way STEP: the step was dispatched and has no result.
under_way() {
    [ "$(rbk status --json | jq --arg step "$1" 'any(.open_effects[]; .step == $step)')" = true ]
}

runs_are() {
    [ "$(rbk runs --json | wc -l)" -eq "$1" ]
}

run_id() {
    rbk runs --json | jq -r .run
}

# start PLAN [OPTION…]: a runner in the background, its output in out.
start() {
    rbk run "$@" >out 2>err </dev/null &
    runner=$!
}

# ended STATUS: the runner of start() ends with this exit status.
ended() {
    local status=0
    wait "$runner" || status=$?
    runner=
    if [ "$status" -ne "$1" ]; then
        echo "ended with $status, expected $1" >&2
        cat out err >&2
        return 1
    fi
}

# two_steps: a plan of one stage whose first step waits for the file `go`.
two_steps() {
    cat >plan.rbk <<'END'
plan two_steps {
    title "Two steps"
    rollback within 1m
    stage only "The only stage" {
        kind configuration
        risk low
        unwatched because "a test"
        apply within 1m {
            shell "while [ ! -e go ]; do sleep 0.05; done; touch first" idempotent
            run "touch second" idempotent
        }
        verify within 10s { check "second is there" file.exists("second") }
        rollback within 30s {
            run "rm -f first second" idempotent
            verify { check "both are gone" file.exists("second") == false }
        }
    }
}
END
}

# gated [ELSE]: a plan that asks before it applies, and has a step that a person does.
gated() {
    cat >plan.rbk <<END
plan gated {
    title "Asks people"
    rollback within 1m
    role dba { contact "dba@example.com" }
    role nobody { contact "nobody@example.com" members "no-such-user" }
    stage only {
        kind configuration
        risk low
        unwatched because "a test"
        approve dba within 5m else ${1:-abort}
        apply within 10m {
            run "touch applied" idempotent timeout 10s
            manual "turn the key" by dba within 5m else abort
        }
        verify within 10s { check "applied" file.exists("applied") }
        rollback within 30s {
            run "rm -f applied" idempotent
            verify { check "gone" file.exists("applied") == false }
        }
    }
}
END
}
