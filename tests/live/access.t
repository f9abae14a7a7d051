#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# mac/access.h with the real policy, real processes in their domains and real audit records: who is at the other end of a
# socket, what it may, and what a refusal leaves behind.
. "$(dirname "$0")/lib/tap.sh"

in_test_host || skip_all "needs SELinux enforcing and an audit log: the test host"
[ "$(cat /sys/fs/selinux/enforce)" = 1 ] || skip_all "SELinux is not enforcing here"
tool=${CASEMATE_TOOLS:-$(dirname "$0")/bin}/access
# Two copies: one that enters the launcher's domain, and one for clients, which is a program like any other.
install -m 755 "$tool" /usr/local/sbin/casemated
install -m 755 "$tool" /usr/local/bin/access-client
restorecon /usr/local/sbin/casemated
chcon -t bin_t /usr/local/bin/access-client
at_exit rm -f /run/casemate/org.casemate.Host /usr/local/sbin/casemated /usr/local/bin/access-client
mkdir -p /run/casemate && restorecon /run/casemate
socket=/run/casemate/org.casemate.Host
launcher=system_u:system_r:casemated_t:s0
first=system_u:system_r:casemate_tenant_0001.vmm_t:s0:c1,c2
second=system_u:system_r:casemate_tenant_0002.vmm_t:s0:c1,c2

# serve CLIENTS CHECK...: casemated's part, in its domain
serve() {
    rm -f $socket
    runcon $launcher /usr/local/sbin/casemated serve $socket "$@" >"$scratch/served" 2>"$scratch/serve.err" &
    server=$!
    wait_for 20 grep -q ready "$scratch/served" || diag "$(cat "$scratch/serve.err")"
}
# visit TYPE UID: a client of that domain
visit() { timeout 20 setpriv --reuid="$2" --regid="$2" --clear-groups runcon "system_u:system_r:$1:s0" /usr/local/bin/access-client connect $socket; }

checks=("casemate_guest stop $first acme web" "casemate_guest stop $second initech db"
    "casemate_guest quarantine $first acme web" "casemate_host list $launcher - -" "casemate_host reload $launcher - -"
    "casemate_guest detonate $first acme web" "casemate_bomb stop $first acme web"
    "casemate_guest stop system_u:system_r:casemate_tenant_9999.vmm_t:s0:c1,c2 acme web")

audit_mark
serve 2 "${checks[@]}"
is "$(stat -c %C $socket | cut -d: -f3)" casemate_socket_t "the socket that casemated makes has the type that clients may write"
ok "an operator connects" visit testhost_operator_1_t 1001
ok "and so does another tenant's" visit testhost_operator_2_t 1002
wait $server
is $? 0 "the server has decided" || diag "$(cat "$scratch/serve.err")"
is "$(sed '/^casemate_/s/ system_u[^ ]*: /: /' "$scratch/served")" "ready
client 1001 system_u:system_r:testhost_operator_1_t:s0
casemate_guest stop: allowed
casemate_guest stop: denied
casemate_guest quarantine: denied
casemate_host list: allowed
casemate_host reload: denied
casemate_guest detonate: unknown
casemate_bomb stop: unknown
casemate_guest stop: unknown
client 1002 system_u:system_r:testhost_operator_2_t:s0
casemate_guest stop: denied
casemate_guest stop: allowed
casemate_guest quarantine: denied
casemate_host list: allowed
casemate_host reload: denied
casemate_guest detonate: unknown
casemate_bomb stop: unknown
casemate_guest stop: unknown" "who they are, and that each has its own tenant's guests and nothing else; the unknown is refused"
records=$(audit_since USER_AVC)
like "$records" "avc: +denied +\{ stop \} for +operation=stop tenant=initech guest=db spid=[0-9]+ suid=1001 scontext=system_u:system_r:testhost_operator_1_t:s0 tcontext=$second tclass=casemate_guest permissive=0" \
    "an operator's act on another tenant's guest is in the audit trail, with who, what and whose"
like "$records" "\{ stop \} for +operation=stop tenant=acme guest=web spid=[0-9]+ suid=1002 scontext=system_u:system_r:testhost_operator_2_t" "the other way as well"
is "$(grep -c USER_AVC <<<"$records")" 6 "one record for each refusal of the policy" || diag "$records"
like "$(audit_since '(USER_SELINUX_ERR|UNKNOWN.1122.)')" "no permission detonate in a class casemate_guest" "what the policy does not know leaves a record too"

# A guest's name that would write a field of its own.
audit_mark
serve 1 "casemate_guest stop $second initech db' scontext=x a=\"b
type=USER_AVC"
visit testhost_operator_1_t 1001
wait $server
like "$(audit_since USER_AVC)" "guest=db\?\?scontext\?x\?a\?\?b\?? *spid=" "no name of a client's writes into a record"

# Who may not even connect.
serve 1
refused=$(visit testhost_nobody_t 1003 2>&1)
isnt $? 0 "a domain that is nobody's operator does not reach casemated"
like "$refused" "Permission denied" "and is told so"
kill $server
wait $server

is "$(runcon $launcher /usr/local/sbin/casemated client)" system_u:system_r:casemate_client_t:s0 "an administrator's client leaves the launcher's domain"
is "$(/usr/local/bin/access-client client)" system_u:system_r:casemate_test_t:s0 "a program of another domain stays where it is"
before=$(cat /sys/fs/selinux/avc/cache_threshold)
is "$(runcon $launcher /usr/local/sbin/casemated threshold 8192)" 8192 "casemated may enlarge the kernel's cache of decisions ($before)"
is "$(cat /sys/fs/selinux/avc/cache_threshold)" 8192 "and it is larger"
is "$(runcon $launcher /usr/local/sbin/casemated threshold 512)" 8192 "it never makes it smaller"
# A list of many guests: each has a context of its own, more than libselinux's cache of 410 holds. (`lookups 10000` for
# figures: a decision costs the same.)
mapfile -t times < <(/usr/local/bin/access-client lookups 1000)
is "${#times[@]}" 2 "1,000 guests' contexts are decided about"
diag "${times[*]} microseconds for each, the first time and again"
run timeout 10 setpriv --reuid=1001 --regid=1001 --clear-groups runcon system_u:system_r:testhost_operator_1_t:s0 /usr/local/bin/access-client threshold 16384
isnt "$status" 0 "an operator may not"
done_testing
