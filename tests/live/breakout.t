#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A hostile stand-in in place of a confined process tries all acts of tests/hostile: behind all layers of confinement
# nothing may succeed, behind one barrier of SELinux's alone nothing may reach another tenant. What is sampled here is
# complete in `make breakout` (doc/breakout.md): BREAKOUT_LAYERS (words) and BREAKOUT_KINDS (with commas) name what is tried.
. "$(dirname "$0")/lib/guest.sh"
need_kvm

runner=$TOOLS/hostile-runner
[ -x "$runner" ] || skip_all "$runner is not there"
tap=hostile$$
ip tuntap add dev "$tap" mode tap && ip link set "$tap" up || skip_all "no tap device to be had"
at_exit ip link del "$tap"

# -- the scene: two guests' disks, a directory for everybody
chmod 711 "$scratch"
truncate -s 1M "$scratch/own.img" "$scratch/victim.img"
chmod 600 "$scratch"/*.img
mkdir -m 1777 "$scratch/shared"
echo medium >"$scratch/shared/medium"
chmod 666 "$scratch/shared/medium"
cp "$TOOLS/hostile" "$scratch/standin"
cp "$runner" "$scratch/launcher"
chmod 755 "$scratch/standin" "$scratch/launcher"

# records RUNNER LAYER KINDS OPTION...: the records of a run go to $scratch/records
records() {
    local program=$1 layer=$2 kinds=$3
    shift 3
    "$program" run --standin "$scratch/standin" --scratch "$scratch" --tap "$tap" --layers "$layer" --kinds "$kinds" "$@" \
        2> >(keep "$scratch/run.err") | cat >>"$scratch/records"
    return "${PIPESTATUS[0]}"
}
: >"$scratch/records"
layers=${BREAKOUT_LAYERS:-all types categories seccomp jail landlock none} kinds=${BREAKOUT_KINDS:-} sample=1
[ -z "${BREAKOUT_LAYERS:-}${CASEMATE_SOAK:-}" ] || sample=''
every=$("$runner" kinds)
[ -n "$sample" ] || kinds=${kinds:-${every// /,}}
if selinux_enforcing; then
    # In the launcher's own domain, so that what a layer of SELinux's refuses is refused as in a real start.
    chcon -t casemated_exec_t "$scratch/launcher" && chcon -t casemate_exec_t "$scratch/standin"
    # Emulation is slow: so one kind, and of one barrier alone whether it holds between guests.
    kinds=${kinds:-blk}
else
    kinds=${kinds:-vmm,blk}
    skip "the layers of SELinux's are tried in the test host"
fi
for layer in $layers; do
    only=() program=$runner
    case $layer in
    all | selinux | types | categories | neither)
        selinux_enforcing || continue
        program=$scratch/launcher
        [ -z "$sample" ] || only=(--relations tenant)
        [ -z "$sample" ] || [ "$layer" = all ] || only+=(--reach guest)
        ;;
    *) if selinux_enforcing && [ -n "$sample" ]; then continue; fi ;;
    esac
    ok "$layer: acts of $kinds" records "$program" "$layer" "$kinds" "${only[@]}" || diag "$(cat "$scratch/run.err")"
done
[ -z "${RESULTS:-}" ] || cp "$scratch/records" "$RESULTS/breakout.tsv"

# -- the judgement: what must not succeed did not, and what did has its reason
"$runner" report <"$scratch/records" >"$scratch/sum" 2>"$scratch/wrong"
is "$?/$(cat "$scratch/wrong")" "0/" "nothing succeeds that must not, and every open cell is explained"
diag "$(cat "$scratch/sum")"
for kind in ${kinds//,/ }; do
    tried=$(awk -F'\t' -v kind="$kind" '$1 == kind && $2 != "nothing" { seen[$2] = 1 } END { print length(seen) }' "$scratch/records")
    ok "$kind: $tried acts, at least 60" test "$tried" -ge 60
done

# -- with the real launcher: the stand-in takes the place of a program beside casemate, its guest's name is the act. With
#    "_bare" it leaves its filter out, so that the act meets what the launcher made before the program began.
bin=$scratch/bin
net=hostnet$$ # an act took the other one away
ip tuntap add dev "$net" mode tap && ip link set "$net" up && at_exit ip link del "$net"
image=$(disk own-disk.img)
victim_image=$(disk victim-disk.img)
payload victim halt --disk "$victim_image" --name victim
await_event victim running || account victim
victim=$(pid_of victim blk)
"$runner" embed "$scratch/standin" "${victim:-1}" "${GUEST_PID[victim]}" "$victim_image" "$scratch/shared" || fail "the stand-in cannot be told its victim"
tries() { # KIND ACT RESULT-REGEX
    local kind=$1 act=$2 want=$3
    CASEMATE=$bin/casemate run_payload "$act" off --rng --disk "$image" --net "tap=$net" --name "$act"
    expect_error "$act" 3 "casemate-$kind.*$want" "$kind behind the real launcher: ${act/_/ } is refused"
}
for kind in vmm blk net rng console; do
    rm -rf "$bin"
    mkdir -m 755 "$bin"
    cp --preserve=mode,context "$CASEMATE" "$PROGRAMS"/casemate-* "$bin/" 2>/dev/null || cp --preserve=mode "$CASEMATE" "$PROGRAMS"/casemate-* "$bin/"
    cat "$scratch/standin" >"$bin/casemate-$kind"
    for act in disk-read vm-readv socket-unix casemated-connect fork; do
        if sampled 12; then tries "$kind" "$act" 'was killed for a system call that its filter forbids'; fi
    done
    for act in disk-read disk-proc-fd mem-read vm-readv ptrace-attach kill getfd-ram unix-abstract store-open launcher-signal passwd dev-kvm; do
        if sampled 12; then tries "$kind" "${act}_bare" 'failed: .*at line 77 '; fi
    done
done
tell_left_out "acts behind the real launcher"
kill -KILL "${GUEST_PID[victim]}"
finish victim
done_testing
