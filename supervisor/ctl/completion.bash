# SPDX-License-Identifier: MIT
# bash completion for miniprogctl. Verbs and options are what its own help lists, ids what runs here.

_miniprogctl_words() {
    miniprogctl "$@" 2>/dev/null
}

_miniprogctl() {
    local word=${COMP_WORDS[COMP_CWORD]} verb= i
    COMPREPLY=()

    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --socket | --color) ((i++)) ;;
        -*) ;;
        *)
            verb=${COMP_WORDS[i]}
            break
            ;;
        esac
    done

    case ${COMP_WORDS[COMP_CWORD - 1]} in
    --color)
        mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$word")
        return
        ;;
    --socket)
        compopt -o default
        return
        ;;
    esac
    if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_miniprogctl_words ${verb:+"$verb"} --help |
            grep -o -- '--[a-z-]*')" -- "$word")
        return
    fi

    case $verb in
    '')
        mapfile -t COMPREPLY < <(compgen -W "$(_miniprogctl_words --help |
            sed -n 's/^  \([a-z][a-z-]*\) .*/\1/p')" -- "$word")
        ;;
    install | run | pack | index) compopt -o default ;;
    warn) mapfile -t COMPREPLY < <(compgen -W '5 10 15' -- "$word") ;;
    answer) mapfile -t COMPREPLY < <(compgen -W 'yes no' -- "$word") ;;
    simulate-update)
        mapfile -t COMPREPLY < <(compgen -W "$(_miniprogctl_words list | cut -f1) ready failed" \
            -- "$word")
        ;;
    *) mapfile -t COMPREPLY < <(compgen -W "$(_miniprogctl_words list | cut -f1)" -- "$word") ;;
    esac
}

complete -F _miniprogctl miniprogctl
