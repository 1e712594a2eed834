# bash completion for rbk
_rbk_runs() {
    local store=() i
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        -s | --store) store=(--store "${COMP_WORDS[i + 1]}") ;;
        esac
    done
    command rbk runs "${store[@]}" 2>/dev/null | awk 'NR > 1 { print $1 }'
}

_rbk() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
    local commands='run resume status log report runs approve deny attest answer pause continue abort cancel retry
        resolve resend signal alert serve token help'
    local command='' words=0 i
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        -s | --store | --set | --params | -C | --directory | --unrehearsed | --url | -m | --reason | -l | --label | --format | -o | --output | \
            --listen | --tls-cert | --tls-key | --host | --person | --role | --expires) ((i++)) ;;
        -*) ;;
        *) if [ -z "$command" ]; then command=${COMP_WORDS[i]}; else ((words++)); fi ;;
        esac
    done
    COMPREPLY=()
    case $prev in
    -s | --store | --params | -o | --output | --tls-cert | --tls-key)
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        return
        ;;
    -C | --directory)
        mapfile -t COMPREPLY < <(compgen -d -- "$cur")
        return
        ;;
    --format)
        mapfile -t COMPREPLY < <(compgen -W 'md html json' -- "$cur")
        return
        ;;
    --set | --unrehearsed | --url | -m | --reason | -l | --label | --listen | --host | --person | --role | \
        --expires) return ;;
    esac
    if [ -z "$command" ]; then
        mapfile -t COMPREPLY < <(compgen -W "$commands --store --help --version" -- "$cur")
        return
    fi
    if [[ $cur == -* ]]; then
        local options='--store --help'
        case $command in
        run) options+=' --set --params --directory --unrehearsed --url --arm-only --json --plain --no-wait' ;;
        resume) options+=' --json --plain --no-wait' ;;
        status | runs) options+=' --json' ;;
        log) options+=' --json --follow' ;;
        report) options+=' --format --output' ;;
        resend) options+=' --no-wait' ;;
        alert) options+=' --label --reason --no-wait' ;;
        serve) options+=' --listen --tls-cert --tls-key --behind-proxy --host --openapi' ;;
        token) options+=' --person --role --expires --read-only --alerts-only --json' ;;
        *) options+=' --reason --no-wait' ;;
        esac
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
        return
    fi
    case $command:$words in
    run:0)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(
            compgen -f -X '!*.rbk?(m)' -- "$cur"
            compgen -d -- "$cur"
        )
        ;;
    help:0) mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$cur") ;;
    token:0) mapfile -t COMPREPLY < <(compgen -W 'create list revoke' -- "$cur") ;;
    runs:* | serve:* | token:*) ;;
    *:0) mapfile -t COMPREPLY < <(compgen -W "$(_rbk_runs)" -- "$cur") ;;
    answer:*)
        mapfile -t COMPREPLY < <(
            compgen -W 'yes no done not-done abort rollback pause ignore continue cancel' -- "$cur"
        )
        ;;
    resolve:2) mapfile -t COMPREPLY < <(compgen -W 'done not-done' -- "$cur") ;;
    alert:2) mapfile -t COMPREPLY < <(compgen -W 'firing resolved' -- "$cur") ;;
    esac
}
complete -F _rbk rbk
