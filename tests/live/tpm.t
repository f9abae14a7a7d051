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

# -- casemated: kept. The host's TPM is swtpm's, elsewhere than in the test host.
mkdir -p "$srv/acme" && cp "$PAYLOAD" "$srv/acme/kernel"
states=/var/lib/casemate/tpm
describe() { # HOST-STATEMENT
    policy <<CONF
host { mac $HOST_MAC; $1 }
tenant acme {
    guests 4; disk "$srv/acme/**";
    guest measured { memory 64M; cmdline "halt"; kernel "$srv/acme/kernel"; tpm; }
    guest bare { memory 64M; cmdline "halt"; kernel "$srv/acme/kernel"; }
}
CONF
}
describe ""
end() { "$CASEMATE" kill measured bare >/dev/null 2>&1; }
at_exit end
start_casemated || diag "$(cat "$log")"
quote() { "$CASEMATE" attest quote "$1" --nonce "$nonce" >"$2" 2>"$2.err"; }
# FILE PCR: its value in the guest's own quote, which comes first
pcr() { tr -d ' \n' <"$1" | grep -o "\"$2\":\"[0-9a-f]\{64\}\"" | head -n 1 | cut -d'"' -f4; }
member() { tr -d ' \n' <"$1" | grep -o "\"$2\":\"[^\"]*\"" | head -n 1 | cut -d'"' -f4; }
is_dead() { "$CASEMATE" show measured 2>/dev/null | grep -q stopped; }
end_web() { "$CASEMATE" kill measured >/dev/null 2>&1; wait_for 60 is_dead; }

ok "a tenant's guest with a TPM starts" "$CASEMATE" start measured || diag "$(tail -n 5 "$log")"
ok "its TPM signs" quote measured "$scratch/first" || diag "$(cat "$scratch/first.err")"
is "$(member "$scratch/first" nonce)" "$nonce" "for the nonce that was asked"
ones=${nonce//[0-9a-f]/f} # as PCR 17 to 22 begin
isnt "$(pcr "$scratch/first" 21)" "$ones" "how it was started was measured"
is "$(pcr "$scratch/first" 22)/$(member "$scratch/first" ledger_log)" "$ones/" "and nothing has happened to it"
"$CASEMATE" attest predict measured --source "$SOURCE" --json >"$scratch/predicted" 2>"$scratch/predicted.err" || diag "$(cat "$scratch/predicted.err")"
same=''
for n in 0 1 2 3 4 5 6 7 8; do [ "$(pcr "$scratch/first" $n)" = "$(pcr "$scratch/predicted" $n)" ] || same+="$n "; done
is "$same" "" "PCR 0 to 8 are what was predicted"
member "$scratch/first" boot_log | base64 -d >"$scratch/boot"
like "$("$CASEMATE" attest log "$scratch/boot" 2>&1)" 'acme' "the log says whose guest it is"
"$CASEMATE" pause measured && "$CASEMATE" resume measured
ok "paused and resumed, it signs" quote measured "$scratch/later" || diag "$(cat "$scratch/later.err")"
is "$(pcr "$scratch/later" 21)" "$(pcr "$scratch/first" 21)" "that it is the same start"
isnt "$(pcr "$scratch/later" 22)" "$ones" "to which something has happened"
member "$scratch/later" ledger_log | base64 -d >"$scratch/ledger"
like "$("$CASEMATE" attest log "$scratch/ledger" 2>&1 | tr '\n' ' ')" 'pause.*resume' "which its ledger names"
"$CASEMATE" pause measured
exits 2 "a frozen TPM signs nothing" "$CASEMATE" attest quote measured --nonce "$nonce" || :
end_web
ok "a guest without one starts" "$CASEMATE" start bare
like "$("$CASEMATE" attest quote bare --nonce "$nonce" 2>&1)" 'has no TPM' "and nothing signs for it"
"$CASEMATE" kill bare >/dev/null 2>&1

# -- what is not the last state is none
state=$(find "$states" -type f ! -name '*.key' | head -n 1)
refuses() { # WORDS NAME
    local said
    said=$("$CASEMATE" start measured 2>&1)
    like "$said" "$1" "$2"
    end_web
}
cp "$state" "$scratch/old" && cp "$state.key" "$scratch/key"
ok "the guest starts again" "$CASEMATE" start measured || diag "$(tail -n 5 "$log")"
ok "with the same TPM" quote measured "$scratch/again"
is "$(member "$scratch/again" ak)" "$(member "$scratch/first" ak)" "by the same key"
isnt "$(pcr "$scratch/again" 21)" "$(pcr "$scratch/first" 21)" "of another generation"
tpm=$(pgrep -x casemate-tpm | tail -n 1)
kill -KILL "$tpm"
ok "with its TPM killed the guest ends" wait_for 60 is_dead
like "$("$CASEMATE" show measured 2>&1; cat "$log")" 'casemate-tpm.*killed by signal 9' "and it is said why"
cp "$state" "$scratch/new"
cat "$scratch/old" >"$state"
refuses 'old|not the (last|one)|generation|copy' "an old copy of the state is refused"
printf 'x%.0s' {1..300000} >"$state"
refuses 'state' "bytes that are none are refused"
: >"$state"
refuses 'state' "a state that was lost is no new TPM"
cat "$scratch/new" >"$state"
mv "$state.key" "$scratch/newest"
refuses 'no key to it' "a state without its key is refused"
cp "$scratch/newest" "$state.key"
ok "with both as they were it starts" "$CASEMATE" start measured || diag "$(tail -n 5 "$log")"
end_web
stop_casemated
done_testing
