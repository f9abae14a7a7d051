#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The policy modules compile on Debian's reference policy and on a minimal one of our own; and their own assertions: rules
# that some other module might bring are refused at build time.
. "$(dirname "$0")/lib/tap.sh"

command -v secilc >/dev/null || skip_all "secilc is not installed here; this runs on the machine that builds the test host"
top=$(dirname "$0")/../..
[ -d "$top/mac/selinux" ] || skip_all "the modules' sources are not here; this runs on the machine that builds the test host"
compile() { secilc -m -c 33 -o "$scratch/policy" -f "$scratch/contexts" "$@"; }
modules=("$top"/mac/selinux/*.cil)
# A domain of each of two tenants' operators, as a site's own module would make it.
cat >"$scratch/operators.cil" <<'EOF'
(type first_operator_t)
(type second_operator_t)
(call casemate_tenant_0001.operate (first_operator_t))
(call casemate_tenant_0002.operate (second_operator_t))
EOF
debian=${CASEMATE_GUEST:-/nonexistent}/../current/cil
if [ -d "$debian" ]; then
    grep -hv '^(neverallow .*(process (\(fork \)\?transition ' "$debian"/*.cil >"$scratch/base.cil"
    ok "the modules compile on Debian's policy, assertions on, with operators of two tenants" \
        compile "$scratch/base.cil" "${modules[@]}" "$scratch/operators.cil"
    diag "policy: $(stat -c %s "$scratch/policy") bytes"
else
    skip "no policy of Debian's: the test host has not been built"
    ok "the modules compile with operators of two tenants" \
        compile "$top/tests/host/minimal/base.cil" "${modules[@]}" "$scratch/operators.cil"
fi

if command -v sesearch >/dev/null; then
    # What the operators have of ours: attributes resolved, so that nothing comes by a detour.
    of() { sesearch --allow -s "$1" "$scratch/policy" | sed -nE 's/^allow ([^ ]+) (casemate[^:]*):([a-z_]+) (.*);$/\2 \3 \4/p' | LC_ALL=C sort; }
    is "$(of first_operator_t)" "casemate_runtime_t dir { getattr search }
casemate_socket_t sock_file { getattr write }
casemate_tenant_0001.vmm_t casemate_guest { attach attest console detach events kill metrics migrate pause resume show snapshot start stop }
casemated_exec_t file { execute execute_no_trans getattr map open read }
casemated_t casemate_host { connect list }
casemated_t unix_stream_socket connectto" "an operator reaches casemated and its own tenant's guests"
    is "$(of second_operator_t | grep tenant | cut -d' ' -f1)" casemate_tenant_0002.vmm_t "and another tenant's operator the other's"
    # Within the policy as the kernel would load it: no rule from one tenant's types to another's, whatever brought it.
    sesearch --allow "$scratch/policy" | sed -nE 's/^allow (casemate_tenant_[0-9]+)[.][a-z_]+ (casemate_tenant_[0-9]+)[.].*/\1 \2/p' >"$scratch/pairs"
    # What several tenants read: who has what of it.
    is "$(sesearch --allow -t casemate_shared_t "$scratch/policy" | sed -nE 's/^allow ([^ ]+) casemate_shared_t:file (.*);$/\1 \2/p' | LC_ALL=C sort -u)" \
        "casemate_blk { getattr read }
casemated_t { getattr ioctl lock open read relabelfrom relabelto }" "a shared object is read by disk processes, and labelled by the launcher"
    isnt "$(wc -l <"$scratch/pairs")" 0 "tenants' own rules are found"
    is "$(awk '$1 != $2' "$scratch/pairs")" "" "and none between tenants"
else
    skip "sesearch is not installed here" 5
fi

ok "they compile on the minimal policy, assertions on" compile "$top/tests/host/minimal/base.cil" "${modules[@]}"

# One rule a line. All are tried at once: each of them must be named by an assertion of ours.
cat >"$scratch/bad.cil" <<'EOF'
(allow casemate_tenant_0001.blk_t user_tmp_t (file (open)))
(allow casemate_tenant_0001.rng_t self (tcp_socket (create)))
(allow casemate_tenant_0001.vmm_t self (udp_socket (create)))
(allow casemate_tenant_0001.net_t casemate_tenant_0001.image_t (file (read)))
(allow casemate_tenant_0001.blk_t casemate_tenant_0001.image_ro_t (file (write)))
(allow casemate_tenant_0001.blk_t casemate_shared_t (file (write)))
(allow casemate_tenant_0001.blk_t casemate_shared_t (file (append)))
(allow casemate_tenant_0001.blk_t casemate_shared_t (file (open)))
(allow casemate_tenant_0001.blk_t casemate_shared_t (blk_file (write)))
(allowx casemate_tenant_0001.blk_t casemate_shared_t (ioctl blk_file (0x1277)))
(allow casemate_tenant_0001.vmm_t casemate_shared_t (file (read)))
(allow casemate_tenant_0001.net_t casemate_shared_t (blk_file (getattr)))
(allow casemate_front_t casemate_shared_t (file (read)))
(allow unconfined_t casemate_shared_t (file (relabelto)))
(allow init_t casemate_shared_t (file (relabelfrom)))
(allow first_operator_t casemate_shared_t (file (read)))
(allow unconfined_t casemate_tenant_0001.vmm_t (process (transition)))
(allow unconfined_t casemate_tenant_0001.vmm_t (process2 (nnp_transition)))
(allow casemate_tenant_0001.vmm_t self (process (execmem)))
(allow casemate_tenant_0001.vmm_t init_t (process (signal)))
(allow casemate_tenant_0001.blk_t self (process (fork)))
(allow casemate_tenant_0001.blk_t kvm_device_t (chr_file (read)))
(allow casemate_tenant_0001.rng_t tun_tap_device_t (chr_file (write)))
(allow casemate_tenant_0001.console_t casemate_tenant_0001.ram_t (file (read)))
(allow casemate_tenant_0001.console_t casemate_tenant_0001.boot_t (file (read)))
(allow casemate_tenant_0001.net_t self (capability (net_admin)))
(allow casemate_tenant_0001.net_t etc_t (dir (search)))
(allow casemate_tenant_0001.vmm_t self (unix_stream_socket (create)))
(allowx casemate_tenant_0001.vmm_t kvm_device_t (ioctl chr_file (0xae41)))
(allow casemate_tenant_0001.vmm_t casemate_tenant_0002.ram_t (file (read)))
(allow casemate_tenant_0001.blk_t casemate_tenant_0000.image_t (file (write)))
(allow casemate_tenant_0063.blk_t casemate_tenant_0000.vmm_t (fd (use)))
(allow casemate_tenant_0002.vmm_t casemate_tenant_0001.vmm_t (process (signull)))
(allow casemate_tenant_0031.rng_t casemate_tenant_0032.ram_t (file (map)))
(allow casemate_console casemate_net (unix_stream_socket (read)))
(allow first_operator_t casemate_tenant_0002.vmm_t (casemate_guest (stop)))
(allow second_operator_t casemate_tenant_0001.vmm_t (casemate_guest (show)))
(allow second_operator_t casemate_tenant_0000.vmm_t (process (sigkill)))
(allow second_operator_t casemate_tenant_0063.image_t (file (read)))
(allow first_operator_t casemate_tenant_0001.vmm_t (casemate_guest (quarantine)))
(allow first_operator_t casemated_t (casemate_policy (load)))
(allow first_operator_t casemated_t (casemate_host (reload)))
(allow first_operator_t casemated_t (process (transition)))
(allow first_operator_t casemate_state_t (file (read)))
(allow init_t casemate_front_t (process (transition)))
(allow casemate_front_t casemate_state_t (file (open)))
(allow casemate_front_t self (unix_stream_socket (connect)))
(allow casemate_front_t casemate_tenant_0003.ram_t (file (read)))
(allow casemate_front_t kvm_device_t (chr_file (read)))
EOF
# -v: all of what an assertion found, not the first four
said=$(compile -v "$top/tests/host/minimal/base.cil" "${modules[@]}" "$scratch/operators.cil" "$scratch/bad.cil" 2>&1)
isnt $? 0 "what must never be allowed is refused"
while IFS= read -r rule; do
    # the rule appears among the violations that secilc lists
    line=$(grep -nF -- "$rule" "$scratch/bad.cil" | cut -d: -f1)
    like "$said" "bad\.cil:$line\$" "refused: $rule"
done <"$scratch/bad.cil"
done_testing
