# SPDX-License-Identifier: Apache-2.0
# Completion of casemate's verbs, options and guests for bash.

# _casemate_words WORD LIST: what of the list begins with the word.
_casemate_words() {
    mapfile -t COMPREPLY < <(compgen -W "$2" -- "$1")
}

_casemate_files() {
    compopt -o filenames 2> /dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$1")
}

_casemate_directories() {
    compopt -o filenames 2> /dev/null
    mapfile -t COMPREPLY < <(compgen -d -- "$1")
}

# The guests that the caller may see, as TENANT/NAME and as NAME; nothing when casemated does not run.
_casemate_guests() {
    casemate list --json 2> /dev/null | sed -n \
        -e 's/^ *"tenant": "\([a-z0-9_-]*\)",*$/\1/;T name;h;d' \
        -e ':name;s/^ *"name": "\([a-z0-9_-]*\)",*$/\1/;T;p;G;s,\(.*\)\n\(.*\),\2/\1,p'
}

_casemate_run() {
    local word=$1 previous=$2
    case $previous in
    --kernel | --initrd | --disk)
        _casemate_files "$word"
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
        _casemate_words "$word" "${names[*]}"
        return
        ;;
    --cpu)
        _casemate_words "$word" "host v2 v3 v4"
        return
        ;;
    --irqchip)
        _casemate_words "$word" "kernel split"
        return
        ;;
    --mac)
        _casemate_words "$word" "selinux landlock"
        return
        ;;
    --on-permissive)
        _casemate_words "$word" "pause kill alarm"
        return
        ;;
    --cmdline | --cpus | --memory | --io-limit | --name | --events | --off-timeout)
        return
        ;;
    esac
    if [[ $word == -* ]]; then
        _casemate_words "$word" "--name --kernel --initrd --cmdline --cpus --cpu --memory --huge-pages
            --io-limit --disk --net --rng --tpm --no-reboot --irqchip --mac --show-confinement --events
            --off-timeout --on-permissive --help"
    else
        _casemate_files "$word"
    fi
}

# The verbs of casemated.
_casemate_host() {
    local word=$1 previous=$2 verb=$3 options="--socket --help"
    case $previous in
    --socket)
        _casemate_files "$word"
        return
        ;;
    --off-timeout | --tenant)
        return
        ;;
    esac
    case $verb in
    list) options+=" --json --tenant" ;;
    start | show | metrics | events | info) options+=" --json" ;;
    stop) options+=" --off-timeout" ;;
    esac
    if [[ $word == -* ]]; then
        _casemate_words "$word" "$options"
    elif [[ $verb != list && $verb != info && $verb != reload ]]; then
        _casemate_words "$word" "$(_casemate_guests)"
    fi
}

_casemate_label() {
    local word=$1 previous=$2 verb=${COMP_WORDS[2]} options="--store --json --help"
    if [ "$COMP_CWORD" -eq 2 ]; then
        _casemate_words "$word" "list show scan restore --help"
        return
    fi
    if [ "$previous" = --store ]; then
        _casemate_files "$word"
        return
    fi
    case $verb in
    scan) options+=" --repair" ;;
    restore) options+=" --forget" ;;
    esac
    if [[ $word == -* ]]; then
        _casemate_words "$word" "$options"
        return
    fi
    case $verb in
    show) _casemate_files "$word" ;;
    scan) _casemate_directories "$word" ;;
    list | restore)
        _casemate_words "$word" "$(casemate label list --json 2> /dev/null |
            sed -n -e 's/^ *"tenant": "\([a-z0-9_-]*\)",*$/\1/;T name;h;d' \
                -e ':name;s/^ *"name": "\([a-z0-9_-]*\)",*$/\1/;T;G;s,\(.*\)\n\(.*\),\2/\1,p')"
        ;;
    esac
}

_casemate_policy() {
    local word=$1 verb=${COMP_WORDS[2]} options="--help"
    if [ "$COMP_CWORD" -eq 2 ]; then
        _casemate_words "$word" "check fmt compile show load diff graph explain learn prove verify-proof --help"
        return
    fi
    case $verb in
    check) options+=" --json" ;;
    fmt) options+=" --check" ;;
    learn) options+=" --tenant --source --store --json" ;;
    graph) options+=" --dot --tenant" ;;
    prove) options+=" --policy --source --store --trusted --stateless --as-set --json" ;;
    verify-proof) options+=" --policy --source --json" ;;
    diff) options+=" --source --store --json" ;;
    explain) options+=" --audit --source --policy --store --json" ;;
    compile) options+=" --output --base --json" ;;
    show) options+=" --layer" ;;
    load) options+=" --socket --running --slots --proof" ;;
    esac
    case ${COMP_WORDS[COMP_CWORD - 1]} in
    -o | --output) _casemate_directories "$word"; return ;;
    --running) _casemate_words "$word" "keep stop"; return ;;
    --layer) _casemate_words "$word" "policy cgroup selinux seccomp landlock"; return ;;
    esac
    if [[ $word == -* ]]; then
        _casemate_words "$word" "$options"
    else
        _casemate_files "$word"
    fi
}

_casemate_attest() {
    local word=$1 verb=${COMP_WORDS[2]} options="--help"
    if [ "$COMP_CWORD" -eq 2 ]; then
        _casemate_words "$word" "activate deliver enroll log predict quote reference revoke verify --help"
        return
    fi
    case $verb in
    activate | deliver) options+=" --socket" ;;
    enroll) options+=" --registry --name --roots --ek-trusted --challenge --answer" ;;
    log) options+=" --json" ;;
    predict) options+=" --source --json --log --corim" ;;
    quote) options+=" --socket --nonce --host" ;;
    revoke) options+=" --registry --reason" ;;
    reference) options+=" --source --proof --predict" ;;
    verify) options+=" --nonce --reference --registry --json --token" ;;
    esac
    if [[ $word == -* ]]; then
        _casemate_words "$word" "$options"
    else
        _casemate_files "$word"
    fi
}

_casemate() {
    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        _casemate_words "$word" "run start stop kill pause resume quarantine forget list show console metrics
            events info reload label policy attest --help --version"
        return
    fi
    case ${COMP_WORDS[1]} in
    run) _casemate_run "$word" "$previous" ;;
    label) _casemate_label "$word" "$previous" ;;
    policy) _casemate_policy "$word" ;;
    attest) _casemate_attest "$word" ;;
    start | stop | kill | pause | resume | quarantine | forget | list | show | console | metrics | events | info | reload)
        _casemate_host "$word" "$previous" "${COMP_WORDS[1]}"
        ;;
    esac
}

complete -F _casemate casemate
