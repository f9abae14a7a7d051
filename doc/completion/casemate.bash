# SPDX-License-Identifier: Apache-2.0
# Completion of casemate's verbs and options for bash.

_casemate_run() {
    local word=$1 previous=$2
    case $previous in
    --kernel | --initrd | --disk)
        compopt -o filenames 2> /dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
        ;;
    --net)
        # Taps that are there; tun_flags exists for tun and tap devices alone.
        local device names=()
        for device in /sys/class/net/*/tun_flags; do
            [ -e "$device" ] || continue
            device=${device%/tun_flags}
            names+=("tap=${device##*/}")
        done
        mapfile -t COMPREPLY < <(compgen -W "${names[*]}" -- "$word")
        return
        ;;
    --cpu)
        mapfile -t COMPREPLY < <(compgen -W "host v2 v3 v4" -- "$word")
        return
        ;;
    --irqchip)
        mapfile -t COMPREPLY < <(compgen -W "kernel split" -- "$word")
        return
        ;;
    --mac)
        mapfile -t COMPREPLY < <(compgen -W "selinux landlock" -- "$word")
        return
        ;;
    --cmdline | --cpus | --memory | --io-limit | --name | --events | --off-timeout)
        return
        ;;
    esac
    if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "--name --kernel --initrd --cmdline --cpus --cpu --memory
            --huge-pages --io-limit --disk --net --rng --no-reboot --irqchip --mac
            --show-confinement --events --off-timeout --help" -- "$word")
    else
        compopt -o filenames 2> /dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
    fi
}

_casemate() {
    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W "run --help --version" -- "$word")
    elif [ "${COMP_WORDS[1]}" = run ]; then
        _casemate_run "$word" "$previous"
    fi
}

complete -F _casemate casemate
