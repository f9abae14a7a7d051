# SPDX-License-Identifier: Apache-2.0
# casemate-attestd under test: in a network of its own, asked from another. Sourced by bash after one of tap.sh, guest.sh,
# casemated.sh. Where SELinux enforces, it runs in its domain, with its files where that may have them.
#
#     attestd_networks || skip "no network namespaces here" 3
#     attestd_certificate server serverAuth     # server.crt, server.key in $at_etc
#     attestd_serve --client-ca ...             # ends at exit; what it says is in $at_log
#     ask /healthz                              # the answer and its status in one line

attestd=${CASEMATE_BIN:-build/bin}/casemate-attestd
[ -x "$attestd" ] || attestd=/usr/sbin/casemate-attestd
at_server=10.77.0.1:8443 at_log=$scratch/attestd.log at_pid=''
at_etc=$scratch/attestd.etc at_state=$scratch/attestd.state
if [ -n "${CASEMATE_TESTHOST:-}" ]; then
    at_etc=/etc/casemate/attestd at_state=/var/lib/casemate-attestd
fi

attestd_missing() { # why it cannot be tested here; false if it can
    [ -x "$attestd" ] || echo "casemate-attestd is not installed here"
    command -v curl >/dev/null && command -v jose >/dev/null || echo "curl and jose are not installed here"
    [ "$(id -u)" = 0 ] || echo "two network namespaces take root"
}

# Two networks that reach each other, and directories that are made.
attestd_networks() {
    at_net=cm$$
    # What `ip netns` makes for itself, and leaves.
    [ -z "${CASEMATE_TESTHOST:-}" ] || at_exit eval 'umount /run/netns && rmdir /run/netns'
    ip netns add $at_net-s && ip netns add $at_net-c || return
    at_exit ip netns del $at_net-s
    at_exit ip netns del $at_net-c
    ip link add $at_net-s netns $at_net-s type veth peer name $at_net-c netns $at_net-c || return
    ip -n $at_net-s addr add 10.77.0.1/24 dev $at_net-s
    ip -n $at_net-c addr add 10.77.0.2/24 dev $at_net-c
    ip -n $at_net-s link set $at_net-s up
    ip -n $at_net-c link set $at_net-c up
    ip -n $at_net-s link set lo up
    chmod 755 "$scratch"
    mkdir -p "$at_etc" "$at_state"
    at_exit rm -rf "$at_etc" "$at_state"
    chown nobody "$at_state"
    chmod 700 "$at_state"
}

attestd_certificate() { # NAME PURPOSE: one that signs itself
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$at_etc/$1.key" -out "$at_etc/$1.crt" \
        -days 2 -subj "/CN=$1" -addext "extendedKeyUsage=$2" -addext "basicConstraints=critical,CA:TRUE" \
        -addext subjectAltName=IP:10.77.0.1 2>/dev/null
}

# attestd_serve [OPTION]...: with references of $at_etc. Through a pipe: its domain writes to no file of a test's.
attestd_serve() {
    : >"$at_log"
    [ -z "${CASEMATE_TESTHOST:-}" ] || restorecon -R "$at_etc" "$at_state"
    local to # opened here: else what copies would be a child of the service
    exec {to}> >(trap - EXIT; exec cat >>"$at_log")
    ip netns exec $at_net-s "$attestd" --listen $at_server --cert "$at_etc/server.crt" --key "$at_etc/server.key" \
        --references "$at_etc" --state "$at_state/state.db" --signing-key "$at_state/signing.jwk" --user nobody "$@" \
        </dev/null >&"$to" 2>&1 {to}>&- &
    at_pid=$!
    exec {to}>&-
    wait_for 60 grep -q ready "$at_log" || diag "$(cat "$at_log")"
}
attestd_end() { # its exit status to $CODE
    kill "$at_pid"
    wait "$at_pid"
    CODE=$?
    at_pid=''
}
attestd_kill() { [ -z "$at_pid" ] || kill -KILL "$at_pid" 2>/dev/null; }
at_exit attestd_kill

# ask PATH [CURL OPTION]...
ask() {
    local path=$1
    shift
    ip netns exec $at_net-c curl -s -m 60 --cacert "$at_etc/server.crt" -w '\n%{http_code}' "$@" "https://$at_server$path" </dev/null | tr '\n' ' '
}
