#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The proof over the policy that the kernel has loaded, as /sys/fs/selinux/policy gives it back, and its check; then over
# policies with a hole made by hand, which the kernel loads: the way through each is printed. Without SELinux the same over
# our module on the minimal base, compiled here.
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/trusting.sh"

hole=${CASEMATE_TOOLS:-$(dirname "$0")/bin}/policy-hole
[ -x "$hole" ] || skip_all "no $hole: make builds it"
[ -z "${CASEMATE_BIN:-}" ] || PATH=$CASEMATE_BIN:$PATH
run_seconds=120 # an emulated host takes its time

{
    trusting
    echo 'tenant acme { guests 2; }'
    echo 'tenant initech { guests 2; }'
    echo 'assert no flow acme <-> initech;'
} >"$scratch/host.policy"

# The kernel takes a policy in one write.
load() { dd if="$1" of=/sys/fs/selinux/load bs=64M iflag=fullblock status=none; }

loaded=''
if [ -e /sys/fs/selinux/policy ]; then
    loaded=/sys/fs/selinux/policy
    cat $loaded >"$scratch/good"
    at_exit load "$scratch/good"
else
    top=$(dirname "$0")/../..
    command -v secilc >/dev/null || skip_all "neither a kernel with SELinux nor secilc here"
    [ -d "$top/mac/selinux" ] || skip_all "the modules' sources are not here"
    { cat "$top/tests/host/minimal/base.cil"; echo '(boolean someday false) (booleanif someday (true (allow syslogd_t etc_t (file (read)))))'; } >"$scratch/base.cil"
    secilc -m -c 33 -o "$scratch/good" -f /dev/null "$scratch/base.cil" "$top"/mac/selinux/*.cil
fi
# in_force FILE: the kernel's from now on, where there is one that has a policy
in_force() {
    if [ -n "$loaded" ]; then
        load "$1" && policy=()
    else
        policy=(--policy "$1")
    fi
}
ok "the policy without a hole is in force" in_force "$scratch/good"
in_force "$scratch/good"

run casemate policy prove "${policy[@]}" --source "$scratch/host.policy"
is "$status" 0 "no tenant reaches another" || diag "$out$err"
like "$out" "assert no flow acme <-> initech: holds" "and so says the assertion"
run casemate policy prove "${policy[@]}" --source "$scratch/host.policy" --json
is "$status" 0 "there is a certificate"
printf '%s\n' "$out" >"$scratch/proof.json"
run casemate policy verify-proof "${policy[@]}" --source "$scratch/host.policy" "$scratch/proof.json"
is "$status" 0 "which the checker accepts for the same policy" || diag "$out$err"
diag "$out"
echo 'tenant acme { guests 1; }' >"$scratch/nobody.policy"
run casemate policy verify-proof "${policy[@]}" --source "$scratch/nobody.policy" "$scratch/proof.json"
is "$status" 1 "but not where the source trusts nobody"
like "$err" "the source does not name it" "which it says"
run env --ignore-signal=CHLD casemate policy verify-proof "${policy[@]}" --source "$scratch/nobody.policy" "$scratch/proof.json"
is "$status" 1 "nor for who ignores how children end"

# through NAME PATTERN... -- [--if] SOURCE TARGET CLASS PERMISSION
through() {
    local name=$1 pattern
    shift
    local patterns=()
    while [ "$1" != -- ]; do patterns+=("$1") && shift; done
    shift
    "$hole" "$@" <"$scratch/good" >"$scratch/hole" || { fail "$name: cannot be made"; return; }
    in_force "$scratch/hole" || { fail "$name: the kernel does not take it"; return; }
    run casemate policy prove "${policy[@]}" --source "$scratch/host.policy"
    is "$status" 1 "$name: found"
    for pattern in "${patterns[@]}"; do like "$out" "$pattern" "$name: the way is printed: ${pattern:0:60}"; done
    # The certificate of the good policy, made to name this one.
    sed "s/sha256:[0-9a-f]*/sha256:$(cat "${loaded:-$scratch/hole}" | sha256sum | cut -d' ' -f1)/" "$scratch/proof.json" >"$scratch/forged.json"
    run casemate policy verify-proof "${policy[@]}" "$scratch/forged.json"
    is "$status" 1 "$name: the checker refuses, though the digest matches"
    unlike "$err" "another policy" "$name: and for the rule, not for the digest"
    diag "$err"
}
through "an allow rule between two tenants" \
    'a disk.s process of .*casemate_tenant_0002.blk_t' 'allow casemate_tenant_0002.blk_t casemate_tenant_0001.image_t:file . read .' -- \
    casemate_tenant_0002.blk_t casemate_tenant_0001.image_t file read
through "a file at s0 that all tenants write" 'passes it to casemate_exec_t' 'learns it from casemate_exec_t' 'assert no flow acme <-> initech: does not hold' -- \
    casemate_vmm casemate_exec_t file write
through "a rule under a boolean" 'allow casemate_tenant_0002.vmm_t casemate_tenant_0001.vmm_t:process . signal . if ' -- \
    --if casemate_tenant_0002.vmm_t casemate_tenant_0001.vmm_t process signal

in_force "$scratch/good"
run casemate policy prove "${policy[@]}" --source "$scratch/host.policy"
is "$status" 0 "without a hole it holds again" || diag "$out$err"
done_testing
