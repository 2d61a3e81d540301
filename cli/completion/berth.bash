# bash completion for berth: asks the program itself, so it never lags behind.
_berth() {
    local word=${COMP_WORDS[COMP_CWORD]} each depth=2 command=()

    COMPREPLY=()
    for each in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        case $each in
        -*) break ;;
        esac
        [ ${#command[@]} -lt $depth ] && command+=("$each")
        [[ ${command[0]-} == @(serve|explain) ]] && break
        [[ ${command[1]-} == keys ]] && depth=3
    done
    if [[ $word == -* ]]; then
        COMPREPLY=($(compgen -W "$("${COMP_WORDS[0]}" "${command[@]}" --help 2>/dev/null |
            grep -oE -- '--[a-z][a-z-]*')" -- "$word"))
    elif [ ${#command[@]} -lt $depth ] && [[ ${command[0]-} != @(serve|explain) ]]; then
        COMPREPLY=($(compgen -W "$("${COMP_WORDS[0]}" "${command[@]}" --help 2>/dev/null |
            sed -n 's/^  \([a-z][a-z-]*\)  .*/\1/p')" -- "$word"))
    fi
}
complete -o default -F _berth berth
