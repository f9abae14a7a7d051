#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# casemate-attestd, asked from another network namespace: who may ask, what is refused, and that a token is what others
# can check. In the test host: each of its processes in its domain, and what of it that could change.
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/attestd.sh"
why=$(attestd_missing)
[ -z "$why" ] || skip_all "$why"
attestd_networks || skip_all "no network namespaces here"

cd "$at_etc" || exit 3
attestd_certificate server serverAuth
elsewhere() { [ -z "${CASEMATE_TESTHOST:-}" ]; } # what a domain changes nothing of is not asked twice
! elsewhere || attestd_certificate authority clientAuth,serverAuth
for name in client posing; do
    elsewhere || break
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $name.key -out $name.csr -subj "/CN=$name" 2>/dev/null
    printf 'extendedKeyUsage=%s\n' "$([ $name = client ] && echo clientAuth || echo serverAuth)" >$name.ext
    openssl x509 -req -in $name.csr -CA authority.crt -CAkey authority.key -days 2 -extfile $name.ext -out $name.crt 2>/dev/null
done
! elsewhere || attestd_certificate stranger clientAuth
echo '{"version": 1}' >all.json

elsewhere || audit_mark
attestd_serve
like "$(ask /healthz)" 'ok.*200' "it answers"
is "$(stat -c %a "$at_state/signing.jwk" "$at_state/state.db" | sort -u)" 600 "its key and its memory are its own"
first=$(ask /v1/nonce -X POST)
like "$first" '"nonce":"[0-9a-f]{64}".*200' "a nonce"
isnt "$(ask /v1/nonce -X POST)" "$first" "and another"
if elsewhere; then
    like "$(ask /v1/nothing)" 'no-such-path.*404' "a path that is none"
    like "$(ask /v1/nonce)" 'method.*405' "a method that is none"
    like "$(ask /v1/results/acme/web)" 'no-result.*404' "a guest that nothing is known of"
    like "$(ask /v1/results/ACME/..%2f..)" 'no-such-path.*404' "a name that is none"
    like "$(ask /v1/evidence --data-binary '')" 'form.*400' "no evidence"
fi
like "$(ask /v1/evidence --data-binary '{"version": 1, "version": 1}')" 'form.*400' "no evidence, but JSON"
if elsewhere; then
    head -c 9000000 /dev/zero >"$scratch/large"
    like "$(ask /v1/evidence --data-binary "@$scratch/large")" 'too-large.*413' "too much of it"
fi
like "$(ask /metrics)" 'verdicts_total\{verdict="malformed"\} 1.*200' "which is counted"

# -- TLS
if elsewhere; then
    ok "TLS 1.2 is refused" test -z "$(ip netns exec $at_net-c curl -s -m 30 --cacert server.crt --tls-max 1.2 https://10.77.0.1:8443/healthz)"
    ok "so is plain HTTP" test -z "$(ip netns exec $at_net-c curl -s -m 30 http://10.77.0.1:8443/healthz)"
fi

# -- who it is made of
children=$(pgrep -P "$at_pid" | sort -n)
is "$(wc -w <<<"$children")" 3 "it is three processes"
for pid in $children; do
    status=$(cat "/proc/$pid/status")
    like "$status" 'NoNewPrivs:\s1' "$pid: no new privileges"
    like "$status" 'Seccomp:\s2' "$pid: a filter"
    like "$status" 'CapEff:\s0000000000000000' "$pid: no capability"
    unlike "$status" 'Uid:\s0' "$pid: not root"
done
if ! elsewhere; then
    context_of() { tr -d '\0' <"/proc/$1/attr/current"; }
    is "$(context_of "$at_pid")" system_u:system_r:casemate_attestd_t:s0 "it is in its domain"
    is "$(for pid in $children; do context_of "$pid"; echo; done | cut -d: -f3 | sort | tr '\n' ' ')" \
        "casemate_attestd_http_t casemate_attestd_reader_t casemate_attestd_signer_t " "and each process in its own"
    is "$(stat -c %C "$at_state/signing.jwk" "$at_state/state.db" server.key all.json | cut -d: -f3 | tr '\n' ' ')" \
        "casemate_attestd_key_t casemate_attestd_state_t casemate_attestd_key_t casemate_attestd_etc_t " "as its files are"
fi
key=$(ask /v1/jwks | sed 's/ 200$//')
unlike "$key" '"d":' "the public key is public alone"
ok "and is in the form that others read" jose jwk thp -i - <<<"$(sed 's/^{"keys":\[//; s/\]}$//' <<<"$key")"

# -- the one that signs stands still: that is no green light
signer=$(pgrep -P "$at_pid" | head -n 1)
kill -STOP "$signer"
like "$(ask /healthz)" 'stalled.*503' "without the one that signs it is not healthy"
like "$(ask /v1/results/acme/web)" 'stalled.*503' "and has no results"
kill -CONT "$signer"
like "$(ask /healthz)" 'ok.*200' "it goes on, and so does the service"
like "$(ask /metrics)" 'stalled_total 2 .*casemate_attestd_guests 0 .*nonces_outstanding 2 ' "which counts it"
forget() { "$attestd" --state "$at_state/state.db" --user nobody --forget "$1" 2>&1 | tr '\n' ' '; echo "exit ${PIPESTATUS[0]}"; }
like "$(forget acme/web)" 'nothing is known.*exit 1' "what is not known cannot be forgotten"
like "$(forget acme/../web)" 'TENANT/GUEST.*exit 2' "nor what is no name"

# -- one of them dies: none of the others goes on without it
kill -KILL "$(head -n 1 <<<"$children")"
wait "$at_pid"
is "$?" 3 "with one of them killed all end"
ok "every one" wait_for 10 sh -c "! kill -0 $(tr '\n' ' ' <<<"$children" | awk '{ print $2 }') 2>/dev/null"

if ! elsewhere; then
    is "$(audit_since AVC | grep attestd | sed 's/.*avc: //')" "" "nothing that it does was denied to it"
    done_testing
    exit
fi

# -- with clients' certificates
attestd_serve --client-ca authority.crt
like "$(ask /v1/jwks)" 'client-certificate.*401' "who shows no certificate is told so"
like "$(ask /v1/nonce -X POST --cert client.crt --key client.key)" '"nonce".*200' "who shows one of the authority's is"
unlike "$(ask /v1/nonce -X POST --cert stranger.crt --key stranger.key)" '"nonce"' "who shows another's is not"
unlike "$(ask /v1/nonce -X POST --cert posing.crt --key posing.key)" '"nonce"' "nor a server that poses as a client"
attestd_end
is "$CODE" 0 "a signal ends it"

# -- configurations
refused() { # NAME PATTERN OPTION...
    local name=$1 pattern=$2
    shift 2
    like "$(timeout 20 "$attestd" --cert server.crt --key server.key --references "$at_etc" --state "$at_state/state.db" \
        --signing-key "$at_state/signing.jwk" --user nobody --listen 127.0.0.1:0 "$@" 2>&1 | tr '\n' ' '; echo "exit ${PIPESTATUS[0]}")" "$pattern.*exit 2" "$name"
}
mkdir empty
refused "no reference values" 'no reference values' --references empty
mkdir bad
echo '{"version": 1, "selinux": 7}' >bad/bad.json
refused "reference values that are none" 'bad.json: ' --references bad
echo '{}' >none.jwk
refused "a key that is none" 'no private key' --signing-key none.jwk
refused "an address that is a name" 'numeric' --listen localhost:1
refused "a user that is not there" 'no user' --user nobody-of-that-name
done_testing
