#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `casemate policy explain` over what the running kernel denied to a hostile stand-in (tests/hostile): each denial has its
# barrier, and the line that holds it. tests/golden/explain has the denials of all acts.
. "$(dirname "$0")/lib/tap.sh"

in_test_host || skip_all "needs SELinux enforcing and an audit log: the test host"
runner=${CASEMATE_TOOLS:-$(dirname "$0")/bin}/hostile-runner
[ -x "$runner" ] || skip_all "$runner is not there"
tap=explain$$
ip tuntap add dev "$tap" mode tap && at_exit ip link del "$tap"

chmod 711 "$scratch"
truncate -s 1M "$scratch/own.img" "$scratch/victim.img"
chmod 600 "$scratch"/*.img
mkdir -m 1777 "$scratch/shared"
echo medium >"$scratch/shared/medium"
cp "$(dirname "$runner")/hostile" "$scratch/standin"
cp "$runner" "$scratch/launcher"
chmod 755 "$scratch/standin" "$scratch/launcher"
chcon -t casemated_exec_t "$scratch/launcher" && chcon -t casemate_exec_t "$scratch/standin"

# explained KIND LAYER ACT REGEX: the act's denials are explained, and one has this line
explained() {
    audit_mark
    "$scratch/launcher" run --standin "$scratch/standin" --scratch "$scratch" --tap "$tap" --kinds "$1" --layers "$2" \
        --acts "$3" --relations tenant </dev/null 2> >(cat >&2) | cat >>"$scratch/records"
    audit_since >"$scratch/log"
    cat "$scratch/log" >>"$scratch/whole"
    run casemate policy explain --audit "$scratch/log"
    is "$status/$err" "0/" "$1, $2: $3 is explained by the loaded policy"
    like "$out" "^  $4" "and the line is the right one"
}
never='forbids +casemate-never.cil:[0-9]+: \(neverallow '
explained blk types leak-disk-read 'forbids +casemate-slots.cil:[0-9]+: \(neverallow casemate_foreign_[0-9_]+ casemate_own_[0-9_]+ casemate_any_access\)'
explained blk categories leak-disk-read 'forbids +casemate-tenant.cil:[0-9]+: \(mlsconstrain \(file \(all\)\) \(or \(eq h1 h2\)'
explained blk categories leak-socket 'forbids +casemate-tenant.cil:[0-9]+: \(mlsconstrain \(unix_stream_socket \(all\)\)'
explained blk categories kill "${never}casemate_jailed casemate_anything \(process \(signal sigkill sigstop\)\)"
explained blk selinux socket-tcp "${never}casemate_jailed casemate_anything \(tcp_socket \(all\)\)"
explained blk selinux own-disk-map 'change +casemate-tenant.cil:[0-9]+: \(allow blk_t image_t \(file \(getattr read write\)\)\)'
explained blk selinux fork "${never}casemate_not_vmm self \(process \(fork\)\)"
explained vmm selinux kvm-GET_MSR_INDEX_LIST 'change +casemate-tenant.cil:[0-9]+: \(allowx casemate_vmm kvm_device_t '
explained rng all disk-read 'behind +mac/filters/rng.c:[0-9]+: '

# -- all of it at once: no denial without a barrier and a line
run casemate policy explain --audit - --json
is "$status" 0 "an empty log is explained"
casemate policy explain --audit "$scratch/whole" >"$scratch/all"
is "$(awk '/^[A-Z_]+: / { if (head != "" && !line) print head; head = $0; line = 0 }
    /^  (forbids|change|behind) / { line = 1 } END { if (head != "" && !line) print head }' "$scratch/all")" "" \
    "every denial has a line"
diag "$(grep -c '^[A-Z_]*: ' "$scratch/all") different denials of $(grep -cE '^type=(AVC|SECCOMP)' "$scratch/whole")"
unlike "$(cat "$scratch/all")" 'barrier +none' "and a barrier"
done_testing
