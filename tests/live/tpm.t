#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Virtual TPMs: a guest has one, what is measured into it is what was predicted, evidence of it and of the guest's life
# comes by casemated, and a TPM that dies, or whose stored state is not the last one, is no TPM.
. "$(dirname "$0")/lib/casemated.sh"

[ -x "$PROGRAMS/casemate-tpm" ] || skip_all "no casemate-tpm"
nonce=$(printf '%064x' 77)

# -- casemate run: in memory, over resets
run_payload one off --tpm --show-confinement
expect one 0 PAYLOAD-OK "a guest with a TPM starts and ends"
like "$(cat "$scratch/one.err")" '^tpm +[0-9]+ +[0-9]+ +1 +' "its TPM is a process that the gate has seen"
unlike "$(cat "$scratch/one.err")" 'host TPM' "its state is gone with it, so nothing is missing"

# -- casemated: kept
cp "$PAYLOAD" "$srv/kernel" && mkdir -p "$srv/acme" && mv "$srv/kernel" "$srv/acme/kernel"
policy <<CONF
host { mac $HOST_MAC; }
tenant acme {
    disk "$srv/acme/**";
    guest web { memory 64M; cmdline "halt"; kernel "$srv/acme/kernel"; tpm; }
    guest plain { memory 64M; cmdline "halt"; kernel "$srv/acme/kernel"; }
}
CONF
start_casemated || diag "$(cat "$log")"
pcr() { # FILE PCR
    tr -d ' \n' <"$1" | sed -n "s/.*\"quote\":{[^}]*\"pcrs\":{[^}]*\"$2\":\"\([0-9a-f]*\)\".*/\1/p"
}
quote() { "$CASEMATE" attest quote web --nonce "$nonce" >"$1" 2>"$1.err"; }
ok "a tenant's guest with a TPM starts" "$CASEMATE" start web || diag "$(cat "$log")"
ok "its TPM signs" quote "$scratch/first" || diag "$(cat "$scratch/first.err")"
like "$(cat "$scratch/first")" "\"nonce\": *\"$nonce\"" "for the nonce that was asked"
ok "and again" quote "$scratch/second"
is "$(pcr "$scratch/second" 21)" "$(pcr "$scratch/first" 21)" "with the same start"
ones=${nonce//[0-9a-f]/f} # as PCR 17 to 22 begin
isnt "$(pcr "$scratch/first" 21)" "$ones" "which was measured"
is "$(pcr "$scratch/first" 22)" "$ones" "and nothing has happened to it"
done_testing
