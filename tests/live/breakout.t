#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A hostile stand-in in place of a confined process tries all acts of tests/hostile: behind all layers of confinement
# nothing may succeed, behind one barrier of SELinux's alone nothing may reach another tenant. What is sampled here is
# complete in `make breakout` (doc/breakout.md). BREAKOUT_LAYERS and BREAKOUT_KINDS name others.
. "$(dirname "$0")/lib/guest.sh"
need_kvm

runner=$TOOLS/hostile-runner
[ -x "$runner" ] || skip_all "$runner is not there"
tap=hostile0
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

# records LAYERS KINDS RUNNER: the records of a run go to $scratch/records
records() {
    "$3" run --standin "$scratch/standin" --scratch "$scratch" --tap "$tap" --layers "$1" --kinds "$2" \
        2> >(keep "$scratch/run.err") | cat >>"$scratch/records"
    return "${PIPESTATUS[0]}"
}
: >"$scratch/records"
if selinux_enforcing; then
    # In the launcher's own domain, so that what a layer of SELinux's refuses is refused as in a real start.
    chcon -t casemated_exec_t "$scratch/launcher" && chcon -t casemate_exec_t "$scratch/standin"
    with=${BREAKOUT_LAYERS:-all,types,categories} kinds=${BREAKOUT_KINDS:-blk,vmm}
    ok "acts of $kinds behind $with" records "$with" "$kinds" "$scratch/launcher" || diag "$(cat "$scratch/run.err")"
    without=''
    for layer in seccomp jail landlock none; do
        [[ ,${BREAKOUT_LAYERS:-}, != *,"$layer",* ]] || without+=",$layer"
    done
else
    without=${BREAKOUT_LAYERS:-seccomp,jail,landlock,none} kinds=${BREAKOUT_KINDS:-vmm,blk,net,rng,console}
    skip "the layers of SELinux's are tried in the test host"
fi
if [ -n "$without" ]; then
    ok "acts of $kinds behind ${without#,}" records "${without#,}" "$kinds" "$runner" || diag "$(cat "$scratch/run.err")"
fi
[ -z "${RESULTS:-}" ] || cp "$scratch/records" "$RESULTS/breakout.tsv"

# -- the judgement: what must not succeed did not, and what did has its reason
"$runner" report <"$scratch/records" >"$scratch/sum" 2>"$scratch/wrong"
is "$?/$(cat "$scratch/wrong")" "0/" "nothing succeeds that must not, and every open cell is explained"
diag "$(cat "$scratch/sum")"
for kind in ${kinds//,/ }; do
    tried=$(awk -F'\t' -v kind="$kind" '$1 == kind && $2 != "nothing" { seen[$2] = 1 } END { print length(seen) }' "$scratch/records")
    ok "$kind: $tried acts, at least 60" test "$tried" -ge 60
done
done_testing
