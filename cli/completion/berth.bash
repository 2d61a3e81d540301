# bash completion for berth: the program itself knows what may follow, names of groups and hubs included.

_berth() {
    local words=() rest=$COMP_LINE typed=${COMP_WORDS[COMP_CWORD]} kind='' each lead i

    # COMP_WORDS is cut at : and = as well; what stands together is one word.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        if [[ $i -eq 0 || $rest == [[:space:]]* ]]; then
            words+=("${COMP_WORDS[i]}")
        else
            words[-1]+=${COMP_WORDS[i]}
        fi
        rest=${rest#"${rest%%[![:space:]]*}"}
        rest=${rest#"${COMP_WORDS[i]}"}
    done
    [[ $typed != [:=] ]] || typed=
    lead=${words[-1]%"$typed"}
    COMPREPLY=()
    while IFS=$'\t' read -r each _; do
        if [ -z "$kind" ]; then
            kind=$each
            continue
        fi
        printf -v each %q "${each#"$lead"}"
        COMPREPLY+=("$each")
    done < <(printf '%s\0' "${words[@]:1}" | "${COMP_WORDS[0]/#\~\//$HOME/}" complete 2>/dev/null)
    case $kind in
    files) mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- "$typed") ;;
    directories) mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -d -- "$typed") ;;
    commands) mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -c -- "$typed") ;;
    esac
    case $kind in
    files | directories) compopt -o filenames 2>/dev/null ;; # quotes, and a slash behind directories
    esac
}
complete -F _berth berth
