#compdef miniprogctl
# SPDX-License-Identifier: MIT
# zsh completion for miniprogctl. Verbs and options are what its own help lists, ids what runs here.

_miniprogctl() {
    local verb word i
    local -a words_of

    for ((i = 2; i < CURRENT; i++)); do
        case $words[i] in
        --socket | --color) ((i++)) ;;
        -*) ;;
        *)
            verb=$words[i]
            break
            ;;
        esac
    done

    case $words[CURRENT-1] in
    --color)
        compadd auto always never
        return
        ;;
    --socket)
        _files
        return
        ;;
    esac
    if [[ $words[CURRENT] == -* ]]; then
        words_of=(${(f)"$(miniprogctl $verb --help 2>/dev/null | grep -o -- '--[a-z-]*' | sort -u)"})
        compadd -a words_of
        return
    fi

    case $verb in
    '')
        words_of=(${(f)"$(miniprogctl --help 2>/dev/null | sed -n 's/^  \([a-z][a-z-]*\) .*/\1/p')"})
        compadd -a words_of
        ;;
    install | run | pack | index) _files ;;
    warn) compadd 5 10 15 ;;
    answer) compadd yes no ;;
    simulate-update)
        words_of=(${(f)"$(miniprogctl list 2>/dev/null | cut -f1)"} ready failed)
        compadd -a words_of
        ;;
    *)
        words_of=(${(f)"$(miniprogctl list 2>/dev/null | cut -f1)"})
        compadd -a words_of
        ;;
    esac
}

_miniprogctl "$@"
