#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a host with SELinux says of its guests: SELinux stops enforcing while they run, and each is paused, ended or goes
# on, as its policy says, also while casemated is down, and its ledger says so for ever after; and the certificate of the
# policy's proof, which a start names.
. "$(dirname "$0")/lib/casemated.sh"
. "$LIVE/lib/trusting.sh"

[ "$HOST_MAC" = selinux ] || skip_all "without SELinux there is nothing to watch"
[ -x "$PROGRAMS/casemate-tpm" ] || skip_all "no casemate-tpm"
at_exit setenforce 1
nonce=$(printf '%064x' 77)
mkdir $srv/acme && cp "$PAYLOAD" $srv/acme/kernel
describe() { # WHAT
    policy <<CONF
host { mac selinux; on-permissive $1; }
tenant acme {
    guests 2; disk "$srv/acme/**";
    guest web { memory 32M; kernel "$srv/acme/kernel"; cmdline "halt"; tpm; }
}
CONF
}
again() { # WHAT: another policy, another casemated
    stop_casemated
    rm "$IMAGE"
    describe "$1"
    start_casemated || diag "$(cat "$log")"
}
describe pause
end() { "$CASEMATE" kill web >/dev/null 2>&1; }
at_exit end
start_casemated || diag "$(cat "$log")"
state_is() { "$CASEMATE" show web 2>/dev/null | grep -q "$1"; }
frozen() { grep -q '^frozen 1' $(find /sys/fs/cgroup -path '*casemate*' -name cgroup.events 2>/dev/null); } 2>/dev/null
ledger() { # FILE: of fresh evidence
    "$CASEMATE" attest quote web --nonce "$nonce" >"$scratch/evidence" 2>"$scratch/evidence.err" || diag "$(cat "$scratch/evidence.err")"
    tr -d ' \n' <"$scratch/evidence" | grep -o '"ledger_log":"[^"]*"' | head -n 1 | cut -d'"' -f4 | base64 -d | grep -a -o 'event [a-z]*' | tr '\n' ' '
}

ok "a guest starts" "$CASEMATE" start web || diag "$(tail -n 5 "$log")"
is "$(ledger)" "" "and nothing has happened to it"
kill_casemated
setenforce 0
ok "without casemated, SELinux goes permissive: the guest stands still" wait_for 30 frozen
setenforce 1
start_casemated || diag "$(cat "$log")"
ok "and stays so when SELinux enforces again" state_is paused || diag "$("$CASEMATE" show web 2>&1)"
ok "until it is resumed" "$CASEMATE" resume web
is "$(ledger)" "event permissive event pause event resume " "which all is in its ledger"
"$CASEMATE" pause web
setenforce 0
exits 1 "while SELinux is permissive nobody resumes it" "$CASEMATE" resume web
setenforce 1
ok "afterwards it goes on" "$CASEMATE" resume web
like "$(ledger)" 'event pause event permissive event resume $' "and was told what it slept through"
end
wait_for 60 state_is stopped

again kill
ok "a guest starts that is not to outlive that" "$CASEMATE" start web || diag "$(tail -n 5 "$log")"
setenforce 0
ended() { grep -q 'on-permissive kill' "$log"; }
ok "it is ended" wait_for 30 ended || diag "$(tail -n 5 "$log")"
setenforce 1
ok "and stays ended" wait_for 60 state_is stopped

again alarm
ok "a guest starts that goes on whatever happens" "$CASEMATE" start web || diag "$(tail -n 5 "$log")"
setenforce 0
told() { grep -q 'it goes on, as the policy says' "$log"; }
ok "it is told" wait_for 30 told || diag "$(tail -n 5 "$log")"
setenforce 1
ok "it goes on" state_is running
is "$(ledger)" "event permissive " "with that in its ledger"
end
wait_for 60 state_is stopped

# -- with the certificate of its proof, over the policy that the kernel has
run_seconds=120
two() {
    echo "tenant acme { guests 2; disk \"$srv/acme/**\";"
    echo "    guest web { memory 32M; kernel \"$srv/acme/kernel\"; cmdline \"halt\"; tpm; } }"
    echo 'tenant initech { guests 2; }'
}
two >"$scratch/two.policy"
{ trusting && two; } >"$scratch/proved.policy"
run casemate policy load "$scratch/proved.policy"
is "$status" 0 "a policy that trusts some is loaded" || diag "$err"
run casemate policy prove --source "$scratch/proved.policy" --json
is "$status" 0 "it is proved" || diag "$err"
printf '%s\n' "$out" >"$scratch/certificate"
run casemate policy load --proof "$scratch/certificate" "$scratch/two.policy"
is "$status" 1 "a certificate of another policy is refused"
like "$err" 'of another source' "and why is said"
run casemate policy load --proof "$scratch/certificate" "$scratch/proved.policy"
is "$status" 0 "its own is taken" || diag "$err"
like "$out" 'with the proof' "and said to be in force"
run casemate start acme/web
is "$status" 0 "a guest starts" || diag "$err$(cat "$log")"
sum=$(sha256sum <"$scratch/certificate" | cut -d' ' -f1)
casemate attest quote acme/web --nonce "$(printf '%064x' 7)" 2>/dev/null | tr -d ' \n' | grep -o '"boot_log":"[^"]*"' | head -n 1 | cut -d'"' -f4 | base64 -d >"$scratch/boot"
is "$(grep -a '^proof' "$scratch/boot")" "proof $sum" "whose start names the certificate"
like "$(casemate attest predict acme/web --json 2>&1)" "\"proof\": \"$sum\"" "as was predicted"
run casemate kill acme/web
run casemate policy load "$scratch/two.policy"
is "$status" 0 "another policy is loaded" || diag "$err"
ok "which no certificate is of" test ! -e "$IMAGE.proof"
stop_casemated
is "$(cat /sys/fs/selinux/enforce)" 1 "and the host enforces"
done_testing
