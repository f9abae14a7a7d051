#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The host's TPM: starts are in its ledger before the guest runs, keys of guests' TPMs come from it, and files that are
# put back to an older copy are refused. In the test host the kernel's device; elsewhere a TPM of swtpm's.
. "$(dirname "$0")/lib/casemated.sh"

DEVICE=/dev/tpmrm0 kept=/var/lib/casemate/hosttpm
if in_test_host; then
    [ -c "$DEVICE" ] || skip_all "the test host has no TPM"
else
    command -v swtpm >/dev/null || skip_all "needs swtpm"
    DEVICE=$scratch/tpm.sock
    mkdir "$scratch/tpm"
    swtpm socket --tpm2 --tpmstate "dir=$scratch/tpm" --server "type=unixio,path=$DEVICE" \
        --flags not-need-init,startup-clear >/dev/null 2>&1 &
    at_exit kill $!
    is_there() { [ -S "$DEVICE" ]; }
    wait_for 20 is_there
fi

mkdir $srv/acme
cp "$PAYLOAD" $srv/acme/kernel
# Guests' TPMs, where this build enforces what a policy says of them.
tpm=tpm
cat >"$scratch/with-tpm.policy" <<CONF
host { mac $HOST_MAC; }
tenant acme { guests 1; guest web { cpus 1; memory 32M; kernel "/srv/kernel"; tpm; } }
CONF
"$CASEMATE" policy check "$scratch/with-tpm.policy" >/dev/null 2>&1 || tpm=''
policy <<CONF
host { mac $HOST_MAC; host-tpm "device:$DEVICE"; }
tenant acme {
    guests 4; disk "$srv/acme/**";
    guest web { cpus 1; memory 32M; kernel "$srv/acme/kernel"; cmdline "halt"; ${tpm:+tpm;} }
    guest db { cpus 1; memory 32M; kernel "$srv/acme/kernel"; cmdline "halt"; tpm off; }
}
CONF
guest() { "$CASEMATE" "$@" 2>&1; }
# What the ledger says of a guest, oldest first: its words.
ledger() { grep -a -oE "(start|stop|reset|refused) [0-9a-f]{32} [0-9]+ [0-9a-f]{64} [0-9a-f]{64} acme $1" $kept/ledger | cut -d' ' -f1; }
said() { grep -qE "$1" "$log"; }
in_use() { said "host's TPM is in use"; }
hosttpm() { pidof casemate-hosttpm; }
field_of() { sed -nE "s/^$2:[[:space:]]*([^[:space:]]+).*/\1/p" "/proc/$1/status"; }

if start_casemated; then pass "casemated answers"; else fail "casemated answers"; diag "$(cat "$log")"; fi
wait_for 60 in_use
ok "the host's TPM is in use" in_use || diag "$(cat "$log")"
pid=$(hosttpm)
is "$(field_of "$pid" Uid)" 1999999743 "its process has a uid of its own"
is "$(field_of "$pid" CapPrm) $(field_of "$pid" CapBnd)" "0000000000000000 0000000000000000" "no capability"
is "$(field_of "$pid" Seccomp) $(field_of "$pid" NoNewPrivs)" "2 1" "and a filter"
! in_test_host || is "$(tr -d '\0' <"/proc/$pid/attr/current")" system_u:system_r:casemate_hosttpm_t:s0 "in its domain"

ok "a guest without a TPM starts" guest start acme/db || diag "$(tail -n 5 "$log")"
is "$(ledger db)" start "and is in the ledger"
ok "it ends" guest kill acme/db
stopped() { [ "$(ledger db | tr '\n' ' ')" = "start stop " ]; }
ok "which is in the ledger, too" wait_for 30 stopped
generation=0
for _ in 1 2; do
    ok "another starts" guest start acme/web || diag "$(tail -n 5 "$log")"
    if [ -n "$tpm" ]; then
        evidence=$(guest attest quote acme/web --nonce 00112233445566778899aabbccddeeff)
        like "$evidence" '"host": ?\{.*"leaves": ?1' "and the host's TPM vouches for it" || diag "$(tail -n 3 "$log")"
        statement=$(sed -nE 's/.*"statement": ?"([^"]*)".*/\1/p' <<<"$evidence" | base64 -d)
        like "$statement" "generation $((++generation))" "with the generation of this start"
    fi
    guest kill acme/web >/dev/null
    gone() { [ "$(ledger web | tail -n 1)" = stop ]; }
    wait_for 30 gone
done
[ -z "$tpm" ] || is "$(grep -a -oE 'start [0-9a-f]{32} [0-9]+ [0-9a-f ]+ acme web' $kept/ledger | cut -d' ' -f3 | tr '\n' ' ')" \
    "1 2 " "each of its starts is a generation of its own"
ok "its keys are in no file of their own" test ! -e "$(echo /var/lib/casemate/tpm/*.key)"
# -- its process dies: no guest starts that nobody records
cp $kept/generations "$scratch/old"
kill -KILL "$pid"
lost() { said "casemate-hosttpm is gone"; }
wait_for 30 lost
like "$(guest start acme/db)" "host's TPM cannot be used" "without it no guest starts"
guest policy load "$SOURCE" >/dev/null 2>&1 || kill -HUP "$daemon"
back() { [ -n "$(hosttpm)" ] && [ "$(grep -c "host's TPM is in use" "$log")" = 2 ]; }
ok "loading the policy starts it again" wait_for 60 back || diag "$(tail -n 5 "$log")"
ok "and then one does" guest start acme/db || diag "$(tail -n 5 "$log")"
guest kill acme/db >/dev/null

# -- an older copy of its store
stop_casemated
cp "$scratch/old" $kept/generations
start_casemated
refused() { said "older copy"; }
ok "an older copy of the store is refused" wait_for 60 refused || diag "$(tail -n 5 "$log")"
like "$(guest start acme/web)" "host's TPM cannot be used" "and no guest starts on it"
stop_casemated
done_testing
