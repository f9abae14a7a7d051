#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The verbs of casemate on guests of two tenants: what they print is what the kernel says, and they do what they say.
. "$(dirname "$0")/lib/casemated.sh"

# Cgroups bear guests' names, and are not in a namespace.
web=web-$$ db=db-$$
mkdir $srv/acme $srv/initech
for tenant in acme initech; do
    cp "$PAYLOAD" $srv/$tenant/kernel
    truncate -s 1M $srv/$tenant/disk.img
done
policy <<CONF
host { mac $HOST_MAC; }
tenant acme {
    guests 1; cpus 1; memory 64M; disk "$srv/acme/**";
    guest $web { cpus 1; memory 64M; kernel "$srv/acme/kernel"; cmdline "halt"; disk "$srv/acme/disk.img"; rng; }
}
tenant initech {
    guests 1; cpus 1; memory 64M; disk "$srv/initech/**";
    guest $db { cpus 1; memory 64M; kernel "$srv/initech/kernel"; cmdline "halt"; disk "$srv/initech/disk.img"; }
}
CONF
! in_test_host || audit_mark

run "$CASEMATE" list
is "$status" 3 "without casemated there is no list"
like "$err" "casemated does not run: .*start it with" "and it is said how to start it"

at_exit "$CASEMATE" kill acme/$web initech/$db
start_casemated || diag "$(cat "$log")"

field() { sed -nE "s/.*\"$1\": \"?([^\",]*)\"?,?\$/\1/p" <<<"$out"; }

run "$CASEMATE" info --json
is "$(field mac)" "$HOST_MAC" "info says what confines guests" || diag "$err"
run "$CASEMATE" list
like "$out" "^acme +$web +stopped +1 +64M +- +(-|[^ ]*tenant_[0-9]+[.]vmm_t:[^ ]*)$" "list has the guests of the policy" || diag "$err"
"$CASEMATE" events --json >"$scratch/events" 2>&1 &
at_exit kill $!
run "$CASEMATE" start acme/$web $db
is "$status" 0 "guests of two tenants start" || diag "$err$(cat "$log")"
run "$CASEMATE" list --tenant acme
like "$out" "^acme +$web +running +1 +64M +[0-9]+ " "one runs"
unlike "$out" "$db" "--tenant leaves the other out"
ok "events tell of it" wait_for 10 grep -q "\"$db\",\"type\":\"running\"" "$scratch/events"

# What show says of each process, the kernel says too.
run "$CASEMATE" show acme/$web --json
pids=($(field pid)) uids=($(field uid)) kinds=($(field kind)) contexts=($(sed -n '/"processes"/,$p' <<<"$out" |
    sed -nE 's/,$//;s/.*"context": "?([^"]*)"?$/\1/p'))
is "$(printf '%s\n' "${kinds[@]}" | sort | tr '\n' ' ')" "blk console rng vmm " "show has each process" || diag "$err"
said='' seen=''
for i in "${!pids[@]}"; do
    said+="${uids[i]} ${contexts[i]} "
    seen+="$(awk '/^Uid:/ { print $2 }' "/proc/${pids[i]}/status") "
    if [ $HOST_MAC = selinux ]; then seen+="$(tr -d '\0' <"/proc/${pids[i]}/attr/current") "; else seen+="null "; fi
done
is "$said" "$seen" "uids and contexts are what the kernel says"
run "$CASEMATE" metrics $web --json
like "$(field threads)" '^[1-9]' "metrics count its threads" || diag "$err"

run "$CASEMATE" pause $web
is "$status" 0 "a guest is paused" || diag "$err"
run "$CASEMATE" list --tenant acme
like "$out" " paused " "and is shown so"
run "$CASEMATE" pause $web
is "$status" 2 "not twice"
run "$CASEMATE" resume $web
is "$status" 0 "it is resumed" || diag "$err"

# The console, through a pipe.
("$CASEMATE" console acme/$web </dev/null >"$scratch/console" 2>&1 &
    echo $! >"$scratch/console.pid")
ok "the console shows what the guest wrote" wait_for 30 grep -q CASEMATE-PAYLOAD-OK "$scratch/console"
run "$CASEMATE" console acme/$web
is "$status" 3 "a second caller does not get it"
like "$err" "cannot connect to the console" "and is told why"
kill "$(cat "$scratch/console.pid")"

# Labels: of the store, while the guest runs.
run "$CASEMATE" label list
like "$out" "^acme +$web +running +c[0-9,c]+" "the label store has the guest" || diag "$err"
if [ $HOST_MAC = selinux ]; then
    run "$CASEMATE" label scan $srv
    is "$status" 0 "nothing is in a wrong context" || diag "$out$err"
    like "$out" "^[1-9][0-9]* objects, [1-9][0-9]* files and [1-9][0-9]* processes" "objects, files and processes were looked at"
    label=$(stat -c %C $srv/acme/disk.img)
    chcon -t tmp_t $srv/acme/disk.img
    run "$CASEMATE" label scan
    is "$status" 1 "a label that was taken is drift" || diag "$out$err"
    run "$CASEMATE" label show $srv/acme/disk.img
    is "$status" 1 "show says so of the file" || diag "$out$err"
    run "$CASEMATE" label scan --repair
    is "$status" 0 "a scan repairs it when told" || diag "$out$err"
    is "$(stat -c %C $srv/acme/disk.img)" "$label" "the label is back"
else
    skip "labels need SELinux" 6
fi

run "$CASEMATE" quarantine initech/$db
is "$status" 0 "a guest is quarantined" || diag "$err"
run "$CASEMATE" resume initech/$db
is "$status" 2 "for good"
run "$CASEMATE" kill initech/$db
is "$status" 0 "only killing ends it" || diag "$err"
run "$CASEMATE" stop --off-timeout 0 $web
is "$status" 0 "the other is stopped" || diag "$err"
run "$CASEMATE" list
unlike "$out" "running|paused|quarantined" "none runs"
run "$CASEMATE" label list $web
is "$out" "" "and nothing is labelled any more"
run "$CASEMATE" show nosuch
is "$status" 2 "a guest that is not there is a mistake of usage"
stop_casemated
if in_test_host; then
    denied=$(audit_since AVC | grep denied | grep -E 'scontext=[^ ]*casemate(d|_client)')
    is "$denied" "" "nothing that the verbs needed was denied"
fi
done_testing
