#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# In the test host, for tests/bench/labels: `labels_host.sh RUNS` prints a name and a number on each line. A start with
# SELinux on beside one without (SELinux permissive), and 1,000 labels set by chcon; all in the same emulated machine.
set -u
runs=$1
work=$(mktemp -d /var/tmp/casemate-bench-XXXXXX)
. "$(dirname "$0")/rows.sh"
truncate -s 16M "$work/disk"
ip tuntap add dev casemate-bench mode tap
casemate=(/usr/bin/casemate run --kernel /root/payload.elf --memory 128M --disk "$work/disk" --net tap=casemate-bench --rng)

# A time on each line: from the program's start to the guest's first instruction.
to_running() { # OPTION...
    local begin line i pipe
    for ((i = 0; i < runs; i++)); do
        begin=$EPOCHREALTIME
        exec {pipe}< <("${casemate[@]}" "$@" --cmdline off --events 3 3>&1 >/dev/null 2>/dev/null </dev/null)
        while read -r line <&"$pipe"; do
            case $line in *'"event":"running"'*) echo "$begin $EPOCHREALTIME" ;; esac
        done
        exec {pipe}<&-
    done | awk '{ printf "%.1f\n", ($2 - $1) * 1000 }' | sort -n | awk '{ t[NR] = $1 } END { print t[int((NR + 1) / 2)] }'
}

# Of all processes of a guest that waits, without its memory.
pss() {
    local pipe guard line sum=''
    mkfifo "$work/pipe"
    "${casemate[@]}" "$@" --cmdline halt --off-timeout 0 --events 3 3> >(cat >"$work/pipe") >/dev/null 2>/dev/null </dev/null &
    guard=$!
    while read -r line; do
        case $line in
        *'"event":"running"'*)
            sum=$(for pid in $guard $(pgrep -P $guard); do cat "/proc/$pid/smaps"; done 2>/dev/null |
                awk '/^[0-9a-f]+-[0-9a-f]+ / { guest = /memfd:/ } /^Pss:/ && !guest { sum += $2 } END { print sum + 0 }')
            kill -TERM $guard
            ;;
        esac
    done <"$work/pipe"
    wait $guard
    rm "$work/pipe"
    echo "$sum"
}

for mac in selinux landlock; do
    option=()
    # Without, a guest's processes stay in the launcher's domain, which may not execute their programs.
    [ $mac = selinux ] || { option=(--mac landlock) && setenforce 0; }
    "${casemate[@]}" "${option[@]}" --cmdline off </dev/null >/dev/null 2>"$work/error" || { cat "$work/error" >&2; exit 1; }
    printf 'start-to-running-%s\t%s\n' $mac "$(to_running "${option[@]}")"
    printf 'start-to-exit-%s\t%s\n' $mac "$(median_ms "$runs" "${casemate[@]}" "${option[@]}" --cmdline off)"
    printf 'pss-%s\t%s\n' $mac "$(pss "${option[@]}")"
done
setenforce 1

# The store's journal and chcon, on files of their own.
mkdir "$work/files"
for ((i = 0; i < 1000; i++)); do : >"$work/files/$i"; done
printf 'chcon\t%s\n' "$(median_ms 1 chcon system_u:object_r:casemate_tenant_0000.image_t:s0:c1,c2 "$work"/files/*)"
[ ! -x /root/bench_labeling ] || /root/bench_labeling "$work" security.selinux | sed -n 's/^relabel-1000/relabel/p'
rm -rf "$work"
ip link del casemate-bench
