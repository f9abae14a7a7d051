#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `casemate policy load` on a host that enforces: two tenants from a source file, guests that run while the host's policy
# is replaced under them, more tenants than there are slots, and loads that must leave everything as it was.
. "$(dirname "$0")/lib/casemated.sh"

in_test_host && selinux_enforcing || skip_all "needs SELinux enforcing and a module store: the test host"
[ -x "$PROGRAMS/casemate-module" ] || skip_all "no casemate-module"
[ -r "$TOOLS/casemate_test.cil" ] || skip_all "the test domain's module is not here"

install -d "$srv/acme" "$srv/initech"
restorecon -R /var/lib/casemate "$srv"
for tenant in acme initech; do
    cp "$PAYLOAD" "$srv/$tenant/kernel"
    truncate -s 1M "$srv/$tenant/disk.img"
done
# two TENANTS-MORE: the two tenants, and as many without guests
two() {
    echo "tenant acme { guests 2; disk \"$srv/acme/**\";"
    echo "    guest web { memory 64M; kernel \"$srv/acme/kernel\"; cmdline \"halt\"; disk \"$srv/acme/disk.img\"; } }"
    echo "tenant initech { guests 2; disk \"$srv/initech/**\";"
    echo "    guest db { memory 64M; kernel \"$srv/initech/kernel\"; cmdline \"halt\"; disk \"$srv/initech/disk.img\"; } }"
    local i
    for i in $(seq "${1:-0}"); do echo "tenant more$i { disk \"/srv/more$i/**\"; }"; done
}
slot_is_there() { printf 'system_u:object_r:casemate_tenant_%04d.image_t:s0:c1,c2' "$1" >/sys/fs/selinux/context 2>/dev/null; }
in_force() { sha256sum <"$IMAGE"; }
vmms() { ps -eo pid=,label= | sed -nE 's/^ *([0-9]+) .*:(casemate_tenant_[0-9]+[.]vmm_t:.*)/\1 \2/p' | sort; }

two >"$scratch/two.policy"
run casemate policy load "$scratch/two.policy"
is "$status" 0 "a policy is loaded before there is a casemated" || diag "$err"
is "$(stat -c '%a %C' "$IMAGE" | cut -d: -f1,3)" "600 system_u:casemate_state_t" "it lies where only the launcher reads"

audit_mark
start_casemated || diag "$(cat "$log")"
run casemate start acme/web initech/db
is "$status" 0 "guests of both tenants start from it" || diag "$err$(cat "$log")"
before=$(vmms)
like "$before" "tenant_0001" "one with the types of one slot"
like "$before" "tenant_0002" "the other with those of another"

# -- refused: what was in force stays, and what runs goes on
old=$(in_force)
refused() { # WHAT REGEX, the source is standard input
    cat >"$scratch/bad.policy"
    run casemate policy load "$scratch/bad.policy"
    isnt "$status" 0 "$1: refused"
    like "$err" "$2" "and says why"
    is "$(in_force)" "$old" "what was in force stays"
}
refused "a source with an error" "bad.policy:1:" <<<'tenant acme { gusts 2; }'
refused "tenants with overlapping files" "overlap" <<<'tenant a { disk "/srv/x/**"; } tenant b { disk "/srv/x/y/*"; }'
run casemate policy load --slots 99999 "$scratch/two.policy"
is "$status" 2 "more slots than there can be are refused"
refused "a policy without a guest that runs" "db" < <(two | sed 's/guest db/guest other/')
is "$(find /var/lib/casemate/policy -name '*.new')" "" "nothing half done is left"
is "$(vmms)" "$before" "the guests run on"

run "$PROGRAMS/casemate-module" 63
is "$status" 3 "its installer takes no slot away, whoever asks"
like "$err" "has 64 slots: types are never taken away" "and says why"
slot_is_there 63
is $? 0 "the slots are there"

# -- more tenants than slots: the module is installed anew, under the running guests. The domain of the tests is no module
# of Debian's, so the store has to know it before it replaces the host's policy.
slot_is_there 63 && ! slot_is_there 64
is $? 0 "the loaded policy has 64 slots"
if [ -z "${CASEMATE_SOAK:-}" ]; then
    skip "rebuilding Debian's policy takes a minute or two in an emulated host: CASEMATE_SOAK=1 does it" 7
else
    store=/var/lib/selinux/default/active/modules/400/casemate_test
    mkdir -p $store && cp "$TOOLS/casemate_test.cil" $store/cil && printf cil >$store/lang_ext
    restorecon -R /var/lib/selinux/default/active/modules/400
    two 70 >"$scratch/many.policy"
    run_seconds=600 run casemate policy load "$scratch/many.policy"
    is "$status" 0 "72 tenants are loaded" || diag "$err$(cat "$log")"
    slot_is_there 255 && ! slot_is_there 256
    is $? 0 "the loaded policy has 256 slots now"
    isnt "$(in_force)" "$old" "and the new policy is in force"
    is "$(vmms)" "$before" "the same guests run on, with the same contexts"
    run casemate policy load "$scratch/two.policy"
    is "$status" 0 "a smaller policy is loaded at once" || diag "$err"
    slot_is_there 255
    is $? 0 "and takes no slot away"
    is "$(in_force)" "$old" "the same source is the same image"
fi
run casemate kill acme/web initech/db
is "$status" 0 "the guests end as told" || diag "$err"
run casemate start acme/web
is "$status" 0 "and one starts again" || diag "$err$(cat "$log")"
run casemate kill acme/web
is "$(audit_since AVC | grep denied | grep -E 'scontext=[^ ]*:casemate(d|_module)')" "" "nothing that we need was denied" ||
    diag "$(audit_since AVC | grep denied | grep -E 'scontext=[^ ]*:casemate(d|_module)')"
stop_casemated
is $? 0 "casemated ends" || diag "$(cat "$log")"

# -- the compiler of an appliance ends with whoever started it, as which it is nobody: a base that takes it a while
base=/usr/share/casemate/selinux/base
mkdir -p $base
at_exit rm -rf /usr/share/casemate
seq -f '(type casemate_slow_%.0f)' 200000 >$base/slow.cil
restorecon -R /usr/share/casemate
old=$(in_force)
casemate policy load --slots 65 "$scratch/two.policy" >/dev/null 2>&1 &
load=$!
modules() { ps -e -o pid=,user:20=,label= | awk -v user="$1" '$2 == user && /:casemate_module_t:/ { print $1 }'; }
compiles() { compiler=$(modules nobody) && [ -n "$compiler" ]; }
ok "the compiler's child is nobody" wait_for 120 compiles
kill -KILL "$(modules root)"
over() { [ -z "$(modules nobody)" ]; }
ok "and ends with its parent" wait_for 5 over
is "$(audit_since AVC | grep denied | grep casemate_module_t)" "" "with nothing denied"
wait $load
isnt $? 0 "the load failed"
is "$(in_force)" "$old" "what was in force stays"
done_testing
