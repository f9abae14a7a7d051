#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# casemate-attestd, asked from another network namespace: who may ask, what is refused, and that a token is what others
# can check.
. "$(dirname "$0")/lib/tap.sh"
attestd=${CASEMATE_BIN:-build/bin}/casemate-attestd
[ -x "$attestd" ] || attestd=/usr/sbin/casemate-attestd
[ -x "$attestd" ] || skip_all "casemate-attestd is not installed here"
command -v curl >/dev/null && command -v jose >/dev/null || skip_all "curl and jose are not installed here"
[ "$(id -u)" = 0 ] || skip_all "two network namespaces take root"

# -- a server in one network, a client in another
id="cm$$"
ip netns add "$id-s" && ip netns add "$id-c" || skip_all "no network namespaces here"
at_exit ip netns del "$id-s"
at_exit ip netns del "$id-c"
ip link add "$id-s" netns "$id-s" type veth peer name "$id-c" netns "$id-c"
ip -n "$id-s" addr add 10.77.0.1/24 dev "$id-s"
ip -n "$id-c" addr add 10.77.0.2/24 dev "$id-c"
ip -n "$id-s" link set "$id-s" up
ip -n "$id-c" link set "$id-c" up
ip -n "$id-s" link set lo up

cd "$scratch" || exit 3
chmod 755 "$scratch"
certificate() { # NAME PURPOSE [ISSUER]
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -out "$1.crt" -days 2 \
        -subj "/CN=$1" -addext "extendedKeyUsage=$2" ${3:+-CA "$3.crt" -CAkey "$3.key"} \
        -addext "basicConstraints=critical,CA:$([ -n "${3-}" ] && echo FALSE || echo TRUE)" \
        -addext subjectAltName=IP:10.77.0.1 2>/dev/null
}
certificate server serverAuth
certificate authority clientAuth,serverAuth
if ! certificate client clientAuth authority 2>/dev/null || ! [ -s client.crt ]; then # OpenSSL 3.0 has no -CA for req
    for name in client posing; do
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $name.key -out $name.csr -subj "/CN=$name" 2>/dev/null
        printf 'extendedKeyUsage=%s\n' "$([ $name = client ] && echo clientAuth || echo serverAuth)" >$name.ext
        openssl x509 -req -in $name.csr -CA authority.crt -CAkey authority.key -days 2 -extfile $name.ext -out $name.crt 2>/dev/null
    done
fi
certificate stranger clientAuth
mkdir references
echo '{"version": 1}' >references/all.json
mkdir state
chown nobody state

serve() { # OPTION...
    : >log
    ip netns exec "$id-s" "$attestd" --listen 10.77.0.1:8443 --cert server.crt --key server.key --references references \
        --state state/state.db --signing-key state/signing.jwk --user nobody "$@" </dev/null >log 2>&1 &
    server=$!
    wait_for 20 grep -q ready log || diag "$(cat log)"
}
end() {
    kill "$server"
    wait "$server"
    CODE=$?
}
ask() { # PATH [CURL OPTION]...
    local path=$1
    shift
    ip netns exec "$id-c" curl -s -m 30 --cacert server.crt -w '\n%{http_code}' "$@" "https://10.77.0.1:8443$path" </dev/null | tr '\n' ' '
}
kill_server() { [ -z "${server-}" ] || kill -KILL "$server" 2>/dev/null; }
at_exit kill_server

serve
like "$(ask /healthz)" 'ok.*200' "it answers"
is "$(stat -c %a state/signing.jwk state/state.db | sort -u)" 600 "its key and its memory are its own"
first=$(ask /v1/nonce -X POST)
like "$first" '"nonce":"[0-9a-f]{64}".*200' "a nonce"
isnt "$(ask /v1/nonce -X POST)" "$first" "and another"
like "$(ask /v1/nothing)" 'no-such-path.*404' "a path that is none"
like "$(ask /v1/nonce)" 'method.*405' "a method that is none"
like "$(ask /v1/results/acme/web)" 'no-result.*404' "a guest that nothing is known of"
like "$(ask /v1/results/ACME/..%2f..)" 'no-such-path.*404' "a name that is none"
like "$(ask /v1/evidence --data-binary '')" 'form.*400' "no evidence"
like "$(ask /v1/evidence --data-binary '{"version": 1, "version": 1}')" 'form.*400' "no evidence, but JSON"
head -c 9000000 /dev/zero >large
like "$(ask /v1/evidence --data-binary @large)" 'too-large.*413' "too much of it"
like "$(ask /metrics)" 'verdicts_total\{verdict="malformed"\} 1.*200' "which is counted"

# -- TLS
ok "TLS 1.2 is refused" test -z "$(ip netns exec "$id-c" curl -s -m 30 --cacert server.crt --tls-max 1.2 https://10.77.0.1:8443/healthz)"
ok "so is plain HTTP" test -z "$(ip netns exec "$id-c" curl -s -m 30 http://10.77.0.1:8443/healthz)"

# -- who it is made of
children=$(pgrep -P "$server" | sort -n)
is "$(wc -w <<<"$children")" 3 "it is three processes"
for pid in $children; do
    status=$(cat "/proc/$pid/status")
    like "$status" 'NoNewPrivs:\s1' "$pid: no new privileges"
    like "$status" 'Seccomp:\s2' "$pid: a filter"
    like "$status" 'CapEff:\s0000000000000000' "$pid: no capability"
    unlike "$status" 'Uid:\s0' "$pid: not root"
done
key=$(ask /v1/jwks | sed 's/ 200$//')
unlike "$key" '"d":' "the public key is public alone"
ok "and is in the form that others read" jose jwk thp -i - <<<"$(sed 's/^{"keys":\[//; s/\]}$//' <<<"$key")"

# -- one of them dies: none of the others goes on without it
kill -KILL "$(head -n 1 <<<"$children")"
wait "$server"
is "$?" 3 "with one of them killed all end"
ok "every one" wait_for 10 sh -c "! kill -0 $(tr '\n' ' ' <<<"$children" | awk '{ print $2 }') 2>/dev/null"

# -- with clients' certificates
serve --client-ca authority.crt
like "$(ask /v1/jwks)" 'client-certificate.*401' "who shows no certificate is told so"
like "$(ask /v1/nonce -X POST --cert client.crt --key client.key)" '"nonce".*200' "who shows one of the authority's is"
unlike "$(ask /v1/nonce -X POST --cert stranger.crt --key stranger.key)" '"nonce"' "who shows another's is not"
unlike "$(ask /v1/nonce -X POST --cert posing.crt --key posing.key)" '"nonce"' "nor a server that poses as a client"
end
is "$CODE" 0 "a signal ends it"

# -- configurations
refused() { # NAME PATTERN OPTION...
    local name=$1 pattern=$2
    shift 2
    like "$(timeout 20 "$attestd" --cert server.crt --key server.key --references references --state state/state.db \
        --signing-key state/signing.jwk --user nobody --listen 127.0.0.1:0 "$@" 2>&1 | tr '\n' ' '; echo "exit ${PIPESTATUS[0]}")" "$pattern.*exit 2" "$name"
}
refused "no reference values" 'no reference values' --references state
mkdir bad
echo '{"version": 1, "selinux": 7}' >bad/bad.json
refused "reference values that are none" 'bad.json: ' --references bad
echo '{}' >state/none.jwk
refused "a key that is none" 'no private key' --signing-key state/none.jwk
refused "an address that is a name" 'numeric' --listen localhost:1
refused "a user that is not there" 'no user' --user nobody-of-that-name
done_testing
