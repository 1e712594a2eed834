# bash completion for rbkc
_rbkc() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W 'check build emit explain explore fmt graph review runbook times help --help --version' -- "$cur")
        return
    fi
    case $prev in
    --fail-on)
        mapfile -t COMPREPLY < <(compgen -W 'error warning note' -- "$cur")
        return
        ;;
    -f | --format)
        if [ "${COMP_WORDS[1]}" = check ]; then
            mapfile -t COMPREPLY < <(compgen -W 'human gcc json sarif github markdown' -- "$cur")
        elif [ "${COMP_WORDS[1]}" = times ] || [ "${COMP_WORDS[1]}" = explore ]; then
            mapfile -t COMPREPLY < <(compgen -W 'human json' -- "$cur")
        elif [ "${COMP_WORDS[1]}" = runbook ]; then
            mapfile -t COMPREPLY < <(compgen -W 'markdown html' -- "$cur")
        else
            mapfile -t COMPREPLY < <(compgen -W 'dot svg mermaid' -- "$cur")
        fi
        return
        ;;
    --dump)
        mapfile -t COMPREPLY < <(compgen -W tree -- "$cur")
        return
        ;;
    -a | --against)
        mapfile -t COMPREPLY < <(
            compgen -W "$(git for-each-ref --format='%(refname:short)' 2>/dev/null)" -- "$cur"
            compgen -f -X '!*.rbk' -- "$cur"
        )
        return
        ;;
    esac
    if [ "${COMP_WORDS[1]}" = explain ] && [[ $cur != -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(rbkc explain 2>/dev/null | sed -n 's/^\(RBK[0-9]*\) .*/\1/p')" -- "${cur^^}")
        return
    fi
    if [[ $cur == -* ]]; then
        local options='--help'
        case ${COMP_WORDS[1]} in
        check) options+=' --format --fail-on --fix --dry-run --syntax --no-explore --states --dump' ;;
        build) options+=' --output --stdout' ;;
        emit) options+=' --promela --output' ;;
        explore) options+=' --format --states --memory' ;;
        fmt) options+=' --check --diff' ;;
        graph) options+=' --format --stages --output' ;;
        review) options+=' --against --fail-on-weaker --whole --output' ;;
        runbook) options+=' --format --output' ;;
        times) options+=' --format' ;;
        esac
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
        return
    fi
    compopt -o filenames 2>/dev/null
    local files='!*.rbk'
    case ${COMP_WORDS[1]} in
    emit | explore) files='!*.@(rbk|rbkm)' ;;
    esac
    mapfile -t COMPREPLY < <(
        shopt -s extglob
        compgen -f -X "$files" -- "$cur"
        compgen -d -- "$cur"
    )
}
complete -F _rbkc rbkc
