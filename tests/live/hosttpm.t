#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The host's TPM: starts are in its ledger before the guest runs, keys of guests' TPMs come from it, and files that are
# put back to an older copy are refused. In the test host the kernel's device; elsewhere a TPM of swtpm's.
. "$(dirname "$0")/lib/casemated.sh"
. "$LIVE/lib/eventlog.sh"
. "$LIVE/lib/attestd.sh"

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
policy <<CONF
host { mac $HOST_MAC; host-tpm "device:$DEVICE"; }
tenant acme {
    guests 4; disk "$srv/acme/**";
    guest web { cpus 1; memory 32M; kernel "$srv/acme/kernel"; cmdline "halt"; tpm; }
    guest db { cpus 1; memory 32M; kernel "$srv/acme/kernel"; cmdline "halt"; tpm off; }
}
CONF
guest() { "$CASEMATE" "$@" 2>&1; }
# What the ledger says of a guest, oldest first: its words.
ledger() { grep -a -oE "[a-z]+ [0-9a-f]{32} [0-9]+ [0-9a-f]{64} [0-9a-f]{64} acme $1" $kept/ledger | cut -d' ' -f1; }
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

# -- the host itself, and its key in a verifier's registry
nonce=00112233445566778899aabbccddeeff
# A verifier is another machine. Where SELinux holds our programs, one that is not labelled as ours stands for it.
VERIFIER=$CASEMATE
if in_test_host; then
    VERIFIER=$scratch/verifier
    cp "$CASEMATE" "$VERIFIER"
    chcon -t bin_t "$VERIFIER"
fi
attest() { "$VERIFIER" attest "$@" 2>&1; }
quote_host() { "$CASEMATE" attest quote --host --nonce $nonce >"$scratch/host.evidence"; }
ok "the host's own quote" quote_host || diag "$(head -c 500 "$scratch/host.evidence")" "$(tail -n 3 "$log")"
cd "$scratch" || exit 3
echo '{"version": 1, "kind": "host", "host": {"names": ["node1"], "ledger": true}}' >host.reference
verify_host() { attest verify host.evidence --nonce $nonce --reference host.reference --registry registry; }
echo '{"version": 1, "keys": []}' >registry
like "$(verify_host)" 'host-ak-unknown' "is worth nothing while nobody has enrolled its key"
like "$(attest enroll host.evidence --name node1 --roots host.reference --challenge challenge)" 'ek-trusted|no certificate' \
    "a TPM without a certificate is not enrolled by itself"
ek=$(attest enroll host.evidence --name node1 --roots host.reference --challenge challenge | grep -oE '000b[0-9a-f]{64}')
like "$(attest enroll host.evidence --name node1 --ek-trusted "${ek%?}" --challenge challenge)" 'not the one that you trust' "nor by half of a name"
is "$(attest enroll host.evidence --name node1 --ek-trusted "$ek" --challenge challenge)" "" "by the whole name there is a challenge"
is "$(stat -c %a challenge.waiting)" 600 "and what stays with the verifier is its own"
cp challenge.waiting waiting.kept
cp challenge challenge.kept
ok "the host's TPM opens it" sh -c "'$CASEMATE' attest activate - <challenge >answer"
is "$(attest enroll --challenge challenge --answer answer --registry registry)" "" "the answer enrolls its key"
is "$(stat -c %a registry)" 600 "in a registry of its own"
like "$(attest enroll --challenge challenge --answer answer --registry registry)" 'no answer is waited for' "once"
sed -E 's/("credential": "[0-9a-f]*)[0-9a-f]"/\10"/; s/0"/1"/' challenge.kept >challenge.changed
like "$(guest attest activate - <challenge.changed)" "not for this host's TPM|none of" "a challenge that was changed is not opened"
like "$(verify_host)" '^host node1: verified' "now its quote is believed" || diag "$(verify_host)"
like "$(attest verify host.evidence --nonce "${nonce/00/01}" --reference host.reference --registry registry)" '\(nonce\)' "for its nonce"
echo '{"version": 1}' >guest.reference
like "$(attest verify host.evidence --nonce $nonce --reference guest.reference --registry registry)" '\(kind\)' "and not as a guest's"
# What SELinux did, on the kernel's own word: where it measures that.
if in_test_host && grep -q ima_policy=critical_data /proc/cmdline; then
    echo '{"version": 1, "kind": "host", "host": {"selinux": true, "boot_log": false}}' >host.reference
    like "$(verify_host)" 'verified' "SELinux was enforcing since boot" || diag "$(verify_host)"
fi
is "$(attest revoke node1 --registry registry --reason sold)" "" "it is revoked"
like "$(verify_host)" 'host-ak-revoked.*sold' "and believed no more"
like "$(attest revoke node1 --registry registry --reason again)" 'no key of node1' "once"
cp waiting.kept challenge.waiting
cp challenge.kept challenge
like "$(attest enroll --challenge challenge --answer answer --registry registry)" 'revoked' "and is not enrolled again"

ok "a guest without a TPM starts" guest start acme/db || diag "$(tail -n 5 "$log")"
is "$(ledger db)" start "and is in the ledger"
ok "it is killed" guest kill acme/db
stopped() { [ "$(ledger db | tr '\n' ' ')" = "start killed " ]; }
ok "which is in the ledger, too" wait_for 30 stopped
# -- a guest with a TPM: each start is a generation of its own, whatever became of the one before
member() { grep -o "\"$1\":\"[^\"]*\"" | head -n 1 | cut -d'"' -f4; }
quote() { guest attest quote acme/web --nonce 00112233445566778899aabbccddeeff | tr -d ' \n'; }
last() { [ "$(ledger web | tail -n 1)" = "$1" ]; }
state() { find /var/lib/casemate/tpm -type f | head -n 1; }
for generation in 1 2; do
    ok "start $generation of another" guest start acme/web || diag "$(tail -n 5 "$log")"
    evidence=$(quote)
    like "$evidence" '"host":\{.*"leaves":1' "the host's TPM vouches for it" || diag "$evidence $(tail -n 3 "$log")"
    statement=$(grep -o '"host":.*' <<<"$evidence" | member statement | base64 -d)
    like "$statement" "generation $generation\$" "with the generation of this start" || diag "$statement"
    start[generation]=$(member 21 <<<"$evidence")
    if [ $generation = 1 ]; then # its PCRs begin anew with another process alone, and that is another start
        kill -KILL "$(pidof casemate-tpm)"
        ok "its TPM's process is killed: the guest has ended, which is in the ledger" wait_for 30 last stop || diag "$(ledger web)"
        cp "$(state)" "$scratch/old-state"
    fi
done
isnt "${start[2]}" "${start[1]}" "PCR 21 of the one is not the other's"

# -- judged elsewhere: a service in another network, with a nonce of its own, that knows the host's key and nothing else
judged() {
    local nonce n differ='' reference of_host all=0,1,2,3,4,5,6,7,8,9,21,22
    attestd_certificate server serverAuth
    name_of() { printf 000b && base64 -d | sum; }
    of_host=$(grep -o '"host":.*' <<<"$evidence")
    printf '{"version":1,"keys":[{"kind":"host","owner":"node1","ak":"%s","ek":"%s"}]}' \
        "$(member ak <<<"$of_host" | name_of)" "$(member ek <<<"$of_host" | name_of)" >"$at_etc/registry"
    "$CASEMATE" attest predict acme/web --source "$SOURCE" --json | tr -d ' \n' >"$scratch/predicted"
    for n in 0 1 4 8; do reference+=${reference:+,}\"$n\":[\"$(member $n <"$scratch/predicted")\"]; done
    printf '{"version":1,"lifetime":10,"guest":{"tenant":"acme","name":"web","selinux":%s,"generation":2,"kernels":["%s"],
        "command_lines":["halt"],"ledger":[],"pcrs":{%s}},"host":{}}' "$([ "$HOST_MAC" = selinux ] && echo true || echo false)" \
        "$(sum <"$srv/acme/kernel")" "$reference" >"$at_etc/web.json"
    attestd_serve --registry "$at_etc/registry"
    nonce=$(ask /v1/nonce -X POST | member nonce)
    guest attest quote acme/web --nonce "$nonce" | tr -d ' \n' >"$scratch/evidence"
    ask /v1/evidence --data-binary "@$scratch/evidence" >"$scratch/answer"
    like "$(<"$scratch/answer")" '"good":true.* 200' "the service believes it" || diag "$(cat "$at_log")"
    member token <"$scratch/answer" | tr -d '\n' >"$scratch/token"
    ask /v1/jwks | sed 's/ 200 *$//' >"$scratch/jwks"
    ok "what it signed verifies with jose" jose jws ver -i "$scratch/token" -k "$scratch/jwks" -O "$scratch/payload"
    like "$(<"$scratch/payload")" '"kernel":\{"state":"affirmed"' "that this kernel was booted"
    like "$(<"$scratch/payload")" '"binding":\{"state":"affirmed"' "on this host"
    like "$(ask /v1/evidence --data-binary "@$scratch/evidence")" 'nonce-used.* 403' "once"
    # The same quote and log, read by others' tools.
    member boot_log <"$scratch/evidence" | base64 -d >"$scratch/judged.log"
    ok "tpm2_eventlog reads the log" read_log "$scratch/judged"
    for n in 0 1 2 3 4 5 6 7 8; do # it has no initrd: nothing extends 9
        [ "$(member $n <"$scratch/evidence")" = "$(replayed "$scratch/judged" $n)" ] || differ+=" $n"
    done
    is "$differ" "" "which replays to the PCRs that were quoted"
    is "$(member 21 <"$scratch/evidence")" "$(from_ones "$scratch/judged" 21)" "and 21"
    for n in ak attest signature; do member $n <"$scratch/evidence" | base64 -d >"$scratch/judged.$n"; done
    for n in ${all//,/ }; do member "$n" <"$scratch/evidence"; done | pcrs_file 0b00 03ff0360 >"$scratch/judged.pcrs"
    ok "tpm2_checkquote takes the quote for this nonce, by this key, over these values" tpm2_checkquote -u "$scratch/judged.ak" \
        -m "$scratch/judged.attest" -s "$scratch/judged.signature" -g sha256 -q "$nonce" -f "$scratch/judged.pcrs"
    # What was measured of its confinement, and /proc.
    local kind uid context pid wrong='' seen=''
    while read -r kind uid context; do
        pid=$(pgrep -u "$uid") seen+="$kind "
        kind=casemate-$kind kind=${kind:0:15} # as the kernel has it
        [ "$(cat "/proc/$pid/comm" 2>&1)" = "$kind" ] || wrong+="$kind is not uid $uid; "
        [ "$context" = none ] || [ "$(tr -d '\0' <"/proc/$pid/attr/current")" = "$context" ] || wrong+="$kind is not $context; "
    done < <(tr -c '[:print:]\n' '\n' <"$scratch/judged.log" |
        awk '/^kind / { kind = $2 } /^uid / { uid = $2 } /^context / { print kind, uid, $2 }')
    is "$wrong$seen" "vmm console tpm " "its processes run as it was measured that they would"
    # A kernel that the reference does not have.
    sed -i 's/"kernels":\["[0-9a-f]*/"kernels":["'"$nonce"'/; s/,"pcrs":{[^}]*}//' "$at_etc/web.json"
    expired() { ask /v1/results/acme/web | grep -q '"state":"expired"'; }
    ok "what was good is good no longer when its time has passed" wait_for 60 expired
    like "$("$attestd" --state "$at_state/state.db" --user nobody --forget acme/web 2>&1; ask /v1/results/acme/web)" 'no-result' "and forgotten on demand"
    attestd_end
    attestd_serve --registry "$at_etc/registry"
    nonce=$(ask /v1/nonce -X POST | member nonce)
    guest attest quote acme/web --nonce "$nonce" | cat >"$scratch/evidence"
    like "$(ask /v1/evidence --data-binary "@$scratch/evidence")" '"reason":"kernel".* 403' "with another kernel in its reference it is refused for that"
    attestd_end
}
why=$(attestd_missing)
if [ -z "$why" ] && ! command -v tpm2_checkquote >/dev/null; then why="tpm2-tools is not installed here"; fi
[ -n "$why" ] || attestd_networks || why="no network namespaces here"
if [ -z "$why" ]; then judged; else skip "$why" 13; fi
"$CASEMATE" pause acme/web
ok "paused, it is quarantined" guest quarantine acme/web
is "$(ledger web | tail -n 1)" quarantined "which its TPM cannot say any more, and the ledger does"
guest kill acme/web >/dev/null
ok "and that it was killed" wait_for 30 last killed || diag "$(ledger web)"
is "$(grep -a -oE 'start [0-9a-f]{32} [0-9]+ [0-9a-f ]+ acme web' $kept/ledger | cut -d' ' -f3 | tr '\n' ' ')" \
    "1 2 " "each of its starts is there with its generation"
cp "$(state)" "$scratch/new-state"
again=(first)
in_test_host || again+=(second) # a start takes seconds there
for time in "${again[@]}"; do
    cat "$scratch/old-state" >"$(state)"
    like "$(guest start acme/web)" 'an older copy was put' "an older copy of its state does not start, the $time time"
    ok "and that is in the ledger" wait_for 30 last refused || diag "$(ledger web)"
done
cat "$scratch/new-state" >"$(state)"
# -- what it stored is removed for good: no copy of it starts
ok "what its TPM stored is forgotten" guest forget acme/web || diag "$(tail -n 5 "$log")"
is "$(ledger web | tail -n 1)" removed "which is in the ledger"
is "$(state)" "" "the state is gone"
like "$(guest forget acme/web)" 'stored nothing' "once"
uuid=$(guest label list | sed -nE 's/^acme +web .* ([0-9a-f-]{36})$/\1/p')
(umask 077 && cat "$scratch/new-state" >"/var/lib/casemate/tpm/$uuid")
! in_test_host || restorecon "/var/lib/casemate/tpm/$uuid"
like "$(guest start acme/web)" "no key to" "the newest copy of it does not start, either"
rm "/var/lib/casemate/tpm/$uuid"
if ! in_test_host; then
    ok "without it the guest starts" guest start acme/web || diag "$(tail -n 5 "$log")"
    again=$(quote)
    isnt "$(member ak <<<"$again")" "$(member ak <<<"$evidence")" "with another TPM"
    like "$(grep -o '"host":.*' <<<"$again" | member statement | base64 -d)" 'generation 3$' "of a later generation"
    like "$(guest forget acme/web)" 'is running' "and while it runs it keeps that"
    guest kill acme/web >/dev/null
    wait_for 30 last killed
fi
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
