#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Quarantine after as many denials as the policy says: of a guest's own processes, exactly so many, that guest alone, and
# nobody else's word for it. Guests' names say what a stand-in for casemate-rng does (tools/standin.c).
. "$(dirname "$0")/lib/casemated.sh"

in_test_host && selinux_enforcing || skip_all "needs SELinux enforcing and the kernel's audit: the test host"

mkdir $srv/acme $srv/slow $srv/free
for tenant in acme slow free; do cp "$PAYLOAD" $srv/$tenant/kernel; done
guest() { echo "guest $2 { cpus 1; memory 32M; kernel \"$srv/$1/kernel\"; cmdline \"halt\"; rng; }"; }
policy <<CONF
host { mac selinux; }
tenant acme { guests 3; disk "$srv/acme/**"; quarantine after 5 denials; $(guest acme denied-4) $(guest acme denied-5) }
tenant slow { disk "$srv/slow/**"; quarantine after 60 denials within 3600 seconds; $(guest slow denying) }
tenant free { disk "$srv/free/**"; $(guest free denied-9) }
CONF
bin=$scratch/bin
mkdir -m 755 "$bin"
chmod 755 "$scratch"
cp --preserve=mode,context "$DAEMON" "$PROGRAMS"/casemate-* "$bin/"
cat "$TOOLS/standin" >"$bin/casemate-rng"

said() { grep -qE "$1" "$log"; }
times_said() { [ "$(grep -cE "$1" "$log")" -ge "$2" ]; }
reader() { pidof casemate-denials; }
field_of() { sed -nE "s/^$2:[[:space:]]*([^[:space:]]+).*/\1/p" "/proc/$1/status"; }
state_of() { "$CASEMATE" show "$1" | sed -nE 's/^state +//p'; }
state_is() { [[ $(state_of "$1") == $2 ]]; }
pid_of_rng() { "$CASEMATE" show "$1" | awk '$1 == "rng0" { print $2 }'; }
context_of_rng() { tr -d '\0' <"/proc/$(pid_of_rng "$1")/attr/current"; }

if start_casemated "$bin/casemated"; then pass "casemated answers"; else fail "casemated answers"; diag "$(cat "$log")"; fi
ok "denials are counted" wait_for 60 said "denials are counted" || diag "$(cat "$log"; audit_since AVC)"
pid=$(reader)
is "$(field_of "$pid" Uid)" 1999999742 "what reads them has a uid of its own"
is "$(field_of "$pid" CapPrm) $(field_of "$pid" CapBnd)" "0000000000000000 0000000000000000" "no capability"
is "$(field_of "$pid" Seccomp) $(field_of "$pid" NoNewPrivs)" "2 1" "a filter"
is "$(tr -d '\0' <"/proc/$pid/attr/current")" system_u:system_r:casemate_denials_t:s0 "and a domain"

"$CASEMATE" events --json >"$scratch/events" 2>&1 &
at_exit kill $!
for name in acme/denied-4 acme/denied-5 free/denied-9; do
    ok "$name starts" "$CASEMATE" start "$name" || diag "$(tail -n 5 "$log")"
done
ok "as many denials as the policy says" wait_for 60 state_is acme/denied-5 "quarantined after 5 denials" || diag "$(state_of acme/denied-5)" "$(cat "$log")"
is "$(state_of acme/denied-4)" running "one less does nothing"
is "$(state_of free/denied-9)" running "nor do more, where the policy says nothing"
like "$("$CASEMATE" list)" 'denied-5 +quarantined after 5 denials' "the list has the reason"
like "$("$CASEMATE" show --json acme/denied-5)" '"quarantined_after": 5' "and so have programs"
ok "and the event" wait_for 20 grep -q 'after 5 denials by SELinux' "$scratch/events" || diag "$(cat "$scratch/events")"
ok "casemated's log says so, once" test "$(grep -c 'acme/denied-5: SELinux has denied its processes 5 accesses' "$log")" = 1
run "$CASEMATE" resume acme/denied-5
isnt "$status" 0 "it cannot go on"

# Somebody else's word, in a record as like the kernel's as root can write it.
victim=$(pid_of_rng acme/denied-4) context=$(context_of_rng acme/denied-4)
for _ in 1 2 3; do
    auditctl -m "avc:  denied  { create } for  pid=$victim comm=\"casemate-rng\" scontext=$context tcontext=$context tclass=unix_stream_socket permissive=0" >/dev/null
done
audit_sync
is "$(state_of acme/denied-4)" running "a program's record is no denial"

# With auditing of system calls off, too: denials are audited all the same. Under the filter, while the guest runs.
auditctl -e 0 >/dev/null
ok "slow/denying starts" "$CASEMATE" start slow/denying || diag "$(tail -n 5 "$log")"
ok "it is quarantined at its count" wait_for 120 state_is slow/denying "quarantined after 60 denials" || diag "$(state_of slow/denying)" "$(tail -n 5 "$log")"
auditctl -e 1 >/dev/null
is "$(state_of acme/denied-4) $(state_of free/denied-9)" "running running" "and the others go on"

# Nobody hears: what runs goes on, what is to start does not.
ok "the quarantined one can be killed" "$CASEMATE" kill acme/denied-5
auditctl -a never,exclude -F msgtype=AVC >/dev/null
kill -KILL "$(reader)"
ok "that the reader is gone is said" wait_for 20 said "casemate-denials is gone" || diag "$(tail -n 5 "$log")"
ok "to who listens for guests' events, too" wait_for 20 grep -q 'nobody counts its denials' "$scratch/events"
ok "and that nothing is audited" wait_for 60 said "what SELinux denies is not audited" || diag "$(tail -n 5 "$log")"
run "$CASEMATE" start acme/denied-5
is "$status" 1 "no guest whose denials the policy wants counted starts" || diag "$out$err"
like "$err" "states 'quarantine' for tenant acme, and denials cannot be counted" "and it is said why"
is "$(state_of acme/denied-4)" running "one that ran goes on"
auditctl -d never,exclude -F msgtype=AVC >/dev/null
ok "once they are audited, they are counted again" wait_for 120 times_said "denials are counted" 2 || diag "$(tail -n 5 "$log")"
ok "and it starts" "$CASEMATE" start acme/denied-5 || diag "$(tail -n 5 "$log")"
ok "as before" wait_for 60 state_is acme/denied-5 "quarantined after 5 denials"

# The next casemated knows why it is frozen; its guard does.
kill_casemated
if start_casemated "$bin/casemated"; then pass "casemated is there again"; else fail "casemated is there again"; fi
ok "and knows the reason" wait_for 60 state_is acme/denied-5 "quarantined after 5 denials"
"$CASEMATE" kill acme/denied-4 acme/denied-5 slow/denying free/denied-9 >/dev/null 2>&1
stop_casemated
is "$?" 0 "casemated ends"
done_testing
