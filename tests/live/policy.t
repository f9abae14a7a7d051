#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The policy module's own assertions: rules that some other module might bring are refused at build time.
. "$(dirname "$0")/lib/tap.sh"

command -v secilc >/dev/null || skip_all "secilc is not installed here; this runs on the machine that builds the test host"
base=${CASEMATE_GUEST:-/nonexistent}/../current/cil
[ -d "$base" ] || skip_all "no base policy: the test host has not been built"
module=$(dirname "$0")/../../mac/selinux/casemate.cil
grep -hv '^(neverallow .*(process (\(fork \)\?transition ' "$base"/*.cil >"$scratch/base.cil"

compile=(secilc -m -c 33 -o "$scratch/policy" -f "$scratch/contexts" "$scratch/base.cil" "$module")
ok "the module compiles on Debian's policy, assertions on" "${compile[@]}"

# One rule a line. All are tried at once: each of them must be named by an assertion of ours.
cat >"$scratch/bad.cil" <<'EOF'
(allow casemate_blk_t tmp_t (file (open)))
(allow casemate_rng_t self (tcp_socket (create)))
(allow casemate_vmm_t self (udp_socket (create)))
(allow casemate_net_t casemate_image_t (file (read)))
(allow casemate_blk_t casemate_image_ro_t (file (write)))
(allow unconfined_t casemate_vmm_t (process (transition)))
(allow unconfined_t casemate_vmm_t (process2 (nnp_transition)))
(allow casemate_vmm_t self (process (execmem)))
(allow casemate_vmm_t init_t (process (signal)))
(allow casemate_blk_t self (process (fork)))
(allow casemate_blk_t kvm_device_t (chr_file (read)))
(allow casemate_rng_t tun_tap_device_t (chr_file (write)))
(allow casemate_console_t casemate_ram_t (file (read)))
(allow casemate_console_t casemate_boot_t (file (read)))
(allow casemate_net_t self (capability (net_admin)))
(allow casemate_net_t etc_t (dir (search)))
(allow casemate_vmm_t self (unix_stream_socket (create)))
(allowx casemate_vmm_t kvm_device_t (ioctl chr_file (0xae41)))
EOF
run "${compile[@]}" "$scratch/bad.cil"
isnt "$status" 0 "what must never be allowed is refused"
while IFS= read -r rule; do
    # the rule appears among the violations that secilc lists
    line=$(grep -nF -- "$rule" "$scratch/bad.cil" | cut -d: -f1)
    like "$out$err" "bad\.cil:$line\$" "refused: $rule"
done <"$scratch/bad.cil"
done_testing
