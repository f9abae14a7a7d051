#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `casemate policy load` where there is no module store to go through, as on an appliance: the base policy lies as CIL in
# a folder, is compiled there with our module and given to the kernel as a whole. What does not compile leaves the policy
# in force, and the file that the next boot loads, as they were.
. "$(dirname "$0")/lib/casemated.sh"

in_test_host && selinux_enforcing || skip_all "needs SELinux enforcing and Debian's modules: the test host"
[ -n "${CASEMATE_SOAK:-}" ] || skip_all "compiling Debian's policy takes a minute in an emulated host: CASEMATE_SOAK=1 does it"
[ -r "$TOOLS/casemate_test.cil" ] || skip_all "the test domain's module is not here"

base=/usr/share/casemate/selinux/base
kept=/etc/selinux/default/policy/policy.33
mkdir -p $base
at_exit rm -rf $base
for module in /var/lib/selinux/default/active/modules/100/*; do
    [ -e "$module/cil" ] && cp "$module/cil" "$base/${module##*/}.cil"
done
cp "$TOOLS/casemate_test.cil" $base/
restorecon -R /usr/share/casemate /var/lib/casemate
slot_is_there() { printf 'system_u:object_r:casemate_tenant_%04d.image_t:s0:c1,c2' "$1" >/sys/fs/selinux/context 2>/dev/null; }
kept() { sha256sum <$kept; }

echo 'tenant acme { guests 2; } tenant initech { guests 2; }' >"$scratch/two.policy"
first=$(kept)
run_seconds=600 run casemate policy load --slots 320 "$scratch/two.policy"
is "$status" 0 "a policy that needs more slots is loaded" || diag "$err"
slot_is_there 319 && ! slot_is_there 320
is $? 0 "the kernel has those slots"
second=$(kept)
isnt "$second" "$first" "and so will the next boot"
like "$(ls -Z $kept)" ":policy_config_t:" "from a file with the label that it had"
is "$(cat /sys/fs/selinux/enforce)" 1 "nothing was switched off for it"

broken() { # WHAT CIL
    printf '%s\n' "$2" >"$base/zz.cil"
    run_seconds=600 run casemate policy load --slots 321 "$scratch/two.policy"
    isnt "$status" 0 "a base $1: refused"
    like "$err" "does not compile|cannot" "and says why"
    slot_is_there 319 && ! slot_is_there 320
    is $? 0 "the policy in force stays"
    is "$(kept)" "$second" "and the file for the next boot"
    is "$(find /etc/selinux/default/policy -name '*.new')" "" "nothing half done is left"
}
broken "that is cut off" '(type a'
broken "that names what is not there" '(allow nobody_has_this_t self (file (read)))'
done_testing
