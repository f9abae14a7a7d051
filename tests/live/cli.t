#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The verbs of casemate on guests of two tenants: what they print is what the kernel says, and they do what they say.
#
# On a machine of somebody's own: with places for state that are this test's alone.
if [ -z "${CASEMATE_TESTHOST:-}" ] && [ -z "${CLI_NAMESPACE:-}" ] && [ "$(id -u)" = 0 ]; then
    unshare --mount true 2>/dev/null && exec env CLI_NAMESPACE=1 unshare --mount "$BASH" "$0" "$@"
fi
. "$(dirname "$0")/lib/guest.sh"

[ "$(id -u)" = 0 ] || skip_all "needs root"
in_test_host || [ -n "${CLI_NAMESPACE:-}" ] || skip_all "needs a mount namespace of its own"
DAEMON=$(dirname "$CASEMATE")/casemated
[ -x "$DAEMON" ] || skip_all "no casemated"
need_kvm
[ -r "$PAYLOAD" ] || skip_all "no payload: make testhost"
SOCKET=/run/casemate/org.casemate.Host
mac=selinux
[ ${#MAC[@]} -eq 0 ] || mac=landlock

if ! in_test_host; then
    for place in /run/casemate /var/lib/casemate; do
        mkdir -p "$place"
        mount -t tmpfs -o mode=0755 tmpfs "$place"
    done
fi
# Cgroups bear guests' names, and are not in a namespace.
web=web-$$ db=db-$$ srv=/srv/casemate-cli-$$
mkdir -p $srv/acme $srv/initech
at_exit rm -rf $srv
for tenant in acme initech; do
    cp "$PAYLOAD" $srv/$tenant/kernel
    truncate -s 1M $srv/$tenant/disk.img
done
cat >"$scratch/host.policy" <<CONF
host { mac $mac; }
tenant acme {
    guests 1; cpus 1; memory 64M; disk "$srv/acme/**";
    guest $web { cpus 1; memory 64M; kernel "$srv/acme/kernel"; cmdline "halt"; disk "$srv/acme/disk.img"; rng; }
}
tenant initech {
    guests 1; cpus 1; memory 64M; disk "$srv/initech/**";
    guest $db { cpus 1; memory 64M; kernel "$srv/initech/kernel"; cmdline "halt"; disk "$srv/initech/disk.img"; }
}
CONF
image=$scratch/policy/host.image
if in_test_host; then
    install -d -m 700 /var/lib/casemate
    image=/var/lib/casemate/policy/host.image
    restorecon -R /var/lib/casemate $srv
    at_exit rm -rf /var/lib/casemate
    audit_mark
fi
put_policy "$scratch/host.policy" "$image" || diag "the policy does not compile"

run "$CASEMATE" list
is "$status" 3 "without casemated there is no list"
like "$err" "casemated does not run: .*start it with" "and it is said how to start it"

"$DAEMON" --policy "$image" "${MAC[@]}" >"$scratch/casemated.log" 2>&1 &
daemon=$!
at_exit kill $daemon
at_exit "$CASEMATE" kill acme/$web initech/$db
wait_for 60 test -S $SOCKET || diag "$(cat "$scratch/casemated.log")"

field() { sed -nE "s/.*\"$1\": \"?([^\",]*)\"?,?\$/\1/p" <<<"$out"; }

run "$CASEMATE" info --json
is "$(field mac)" "$mac" "info says what confines guests" || diag "$err"
run "$CASEMATE" list
like "$out" "^acme +$web +stopped +1 +64M +- +(-|[^ ]*tenant_[0-9]+[.]vmm_t:[^ ]*)$" "list has the guests of the policy" || diag "$err"
"$CASEMATE" events --json >"$scratch/events" 2>&1 &
at_exit kill $!
run "$CASEMATE" start acme/$web $db
is "$status" 0 "guests of two tenants start" || diag "$err$(cat "$scratch/casemated.log")"
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
    if [ $mac = selinux ]; then seen+="$(tr -d '\0' <"/proc/${pids[i]}/attr/current") "; else seen+="null "; fi
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
if [ $mac = selinux ]; then
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
kill $daemon
wait $daemon
if in_test_host; then
    denied=$(audit_since AVC | grep denied | grep -E 'scontext=[^ ]*casemate(d|_client)')
    is "$denied" "" "nothing that the verbs needed was denied"
fi
done_testing
