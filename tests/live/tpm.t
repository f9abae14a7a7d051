#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Virtual TPMs: a guest has one, what is measured into it is what was predicted, evidence of it and of the guest's life
# comes by casemated, and a TPM that dies, or whose stored state is not the last one, is no TPM.
. "$(dirname "$0")/lib/casemated.sh"

[ -x "$PROGRAMS/casemate-tpm" ] || skip_all "no casemate-tpm"
nonce=$(printf '%064x' 77)

# -- casemate run: in memory, over resets
! in_test_host || restorecon -R /var/lib/casemate
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
    guest bare { memory 64M; cmdline "halt"; kernel "$srv/acme/kernel"; tpm off; }
    attest measured { events none; require policy$([ "$HOST_MAC" != selinux ] || echo " selinux"); lifetime 60; generation 1; }
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

# -- a verifier, who knows the key and the kernel
tpm_name() { printf 000b; member "$scratch/first" "$1" | base64 -d | sha256sum | cut -d' ' -f1; }
reference() { # KERNEL
    printf '{"version":1,"guest":{"tenant":"acme","name":"measured","selinux":%s,"kernels":["%s"],"ledger":[]}}' \
        "$([ "$HOST_MAC" = selinux ] && echo true || echo false)" "$1"
}
verify() { # EVIDENCE NONCE KERNEL
    reference "$3" >"$scratch/reference"
    "$CASEMATE" attest verify "$1" --nonce "$2" --reference "$scratch/reference" --registry "$scratch/registry" >"$scratch/verdict" 2>&1
}
refuses() { ! "$@"; }
refused() { ! verify "$@" && grep -q 'refused' "$scratch/verdict"; }
uuid=$(member "$scratch/first" uuid)
printf '{"version":1,"keys":[{"kind":"guest","owner":"acme","uuid":"%s","ak":"%s","ek":"%s"}]}' \
    "${uuid//-/}" "$(tpm_name ak)" "$(tpm_name ek)" >"$scratch/registry"
kernel=$(sha256sum <"$srv/acme/kernel" | cut -d' ' -f1)
if in_test_host; then
    skip "under SELinux the verb reads no file of somebody's on a host with guests: a verifier is elsewhere" 10
else
    if verify "$scratch/first" "$nonce" "$kernel"; then pass "a verifier believes it"; else fail "a verifier believes it"; diag "$(cat "$scratch/verdict")"; fi
    like "$(cat "$scratch/verdict")" 'kernel +affirmed +sha256 [0-9a-f]{64}' "and says which kernel"
    ok "but not for another nonce" refused "$scratch/first" "${nonce//[0-9a-f]/7}" "$kernel"
    ok "nor with another kernel" refused "$scratch/first" "$nonce" "$nonce"
    like "$(cat "$scratch/verdict")" 'refused \(kernel\)' "for that reason"
    # -- what its policy demands, made of the policy and its files
    demand() { # SOURCE OPTION...
        "$CASEMATE" attest reference measured --source "$@" >"$scratch/reference" 2>"$scratch/verdict" &&
            "$CASEMATE" attest verify "$scratch/first" --nonce "$nonce" --reference "$scratch/reference" \
                --registry "$scratch/registry" >"$scratch/verdict" 2>&1
    }
    if demand "$SOURCE" --predict; then pass "it is as its policy demands"; else fail "it is as its policy demands"; diag "$(cat "$scratch/verdict")"; fi
    is "$(grep -cE '^ *(programs|configuration|kernel|command-line|initrd|policy) +affirmed' "$scratch/verdict")" 6 "in every respect" ||
        diag "$(cat "$scratch/verdict")"
    sed 's/generation 1;/generation 9;/' "$SOURCE" >"$scratch/stricter.policy"
    ok "but not as another policy does" refuses demand "$scratch/stricter.policy"
    like "$(cat "$scratch/verdict")" 'refused \(policy\)' "under which it was not started"
    sed 's/"tenant": *"acme"/"tenant":"other"/' "$scratch/first" >"$scratch/forged"
    ok "nor as another tenant's" refused "$scratch/forged" "$nonce" "$kernel"
fi

# -- the service: its nonce, evidence for it, a token that others can check
attestd=${CASEMATE_BIN:-/nonexistent}/casemate-attestd
if [ -x "$attestd" ] && command -v curl >/dev/null && command -v jose >/dev/null; then
    mkdir "$scratch/service" "$scratch/service/state"
    chmod 755 "$scratch" "$scratch/service"
    chown nobody "$scratch/service/state"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$scratch/tls.key" -out "$scratch/tls.crt" -days 2 \
        -subj /CN=attestd -addext subjectAltName=IP:127.0.0.1 2>/dev/null
    reference "$kernel" >"$scratch/service/measured.json"
    at_port=127.0.0.1:18443
    "$attestd" --listen $at_port --cert "$scratch/tls.crt" --key "$scratch/tls.key" --references "$scratch/service" \
        --registry "$scratch/registry" --state "$scratch/service/state/db" --signing-key "$scratch/service/state/jwk" \
        --user nobody >"$scratch/service/log" 2>&1 </dev/null &
    attestd_pid=$!
    end_service() { kill "$attestd_pid" 2>/dev/null; }
    at_exit end_service
    wait_for 20 grep -q ready "$scratch/service/log" || diag "$(cat "$scratch/service/log")"
    ask() { curl -s -m 30 --cacert "$scratch/tls.crt" "https://$at_port$1" "${@:2}"; }
    judge() { ask /v1/evidence --data-binary "@$1"; }
    fresh() { # FILE: evidence for a nonce of the service's
        member <(ask /v1/nonce -X POST) nonce >"$1.nonce"
        "$CASEMATE" attest quote measured --nonce "$(cat "$1.nonce")" >"$1" 2>/dev/null
    }
    fresh "$scratch/asked"
    judge "$scratch/asked" >"$scratch/answer"
    like "$(cat "$scratch/answer")" '"good":true' "the service believes it"
    member "$scratch/answer" token | tr -d '\n' >"$scratch/token"
    ask /v1/jwks >"$scratch/jwks"
    ok "and signs that with a key that jose knows" jose jws ver -i "$scratch/token" -k "$scratch/jwks"
    like "$(judge "$scratch/asked")" 'nonce-used' "once"
    like "$(judge "$scratch/first")" 'nonce-unknown' "for a nonce of its own alone"
    like "$(ask /v1/results/acme/measured)" '"state":"good"' "and remembers"
    fresh "$scratch/asked"
    sed -i 's/"tenant": *"acme"/"tenant":"other"/' "$scratch/asked"
    unlike "$(judge "$scratch/asked")" '"good":true' "not for another tenant"
    end_service
else
    skip "casemate-attestd, curl or jose is not here" 6
fi
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
ok "what it has stored is forgotten" "$CASEMATE" forget measured || diag "$(tail -n 5 "$log")"
is "$(find "$states" -name "$(basename "$state")*")" "" "state and keys"
stop_casemated
done_testing
