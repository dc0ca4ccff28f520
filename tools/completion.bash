# SPDX-License-Identifier: MIT
# Completion of vkhrope's tools in bash. Options are those that --help
# lists, so there is no second list to keep.

_vkhrope_values()
{
    case $2 in
    --format) echo table markdown csv json html ;;
    --kv-type) echo auto f32 f16 q8_0 ;;
    --method | -m | --kl) echo baseline hybrid:cf= linear:factor= ;;
    --caps-mask) vkhrope-info 2>/dev/null | sed -n 's/^ *capabilities *//p' | tr ',' ' ' ;;
    --device | --devices) "$1" --list-devices 2>/dev/null | sed -n 's/^\([0-9]*\):.*/\1/p' ;;
    esac
}

_vkhrope()
{
    local program=$1 word=${COMP_WORDS[COMP_CWORD]} option= values merge=
    COMPREPLY=()
    # bash splits --option=value at the equals sign
    case ${COMP_WORDS[COMP_CWORD - 1]} in
    =) option=${COMP_WORDS[COMP_CWORD - 2]} ;;
    -*) option=${COMP_WORDS[COMP_CWORD - 1]} ;;
    esac
    if [ "$word" = = ]; then
        option=${COMP_WORDS[COMP_CWORD - 1]}
        word=
    fi
    values=$(_vkhrope_values "$program" "$option")
    if [ -n "$values" ]; then
        mapfile -t COMPREPLY < <(compgen -W "$values" -- "$word")
    elif [[ $word == -* ]]; then
        [ "${COMP_WORDS[1]}" != merge ] || merge=merge
        mapfile -t COMPREPLY < <(compgen -W "$("$program" $merge --help 2>/dev/null |
            grep -oE '^ +(-., +)?--[a-z-]+' | grep -oE -- '--[a-z-]+')" -- "$word")
    else
        [ "$COMP_CWORD:${program##*/}" != 1:vkhrope-ppl ] || merge=merge
        mapfile -t COMPREPLY < <(compgen -W "$merge" -- "$word"; compgen -f -- "$word")
    fi
}

complete -o filenames -F _vkhrope vkhrope-bench vkhrope-ppl vkhrope-info vkhrope-tokenize
