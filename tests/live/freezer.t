#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A host whose cgroups are v1 alone: guests are frozen by its freezer, which also keeps what it has frozen from dying. In a
# mount namespace where the v2 hierarchy is not.
if [ -z "${FREEZER_NAMESPACE:-}" ] && [ "$(id -u)" = 0 ] && unshare --mount true 2>/dev/null; then
    exec env FREEZER_NAMESPACE=1 unshare --mount "$BASH" "$0" "$@"
fi
. "$(dirname "$0")/lib/guest.sh"
need_kvm
[ -n "${FREEZER_NAMESPACE:-}" ] || skip_all "needs a mount namespace of its own"
freezer=$(awk '$3 == "cgroup" && $4 ~ /(^|,)freezer(,|$)/ { print $2; exit }' /proc/self/mounts)
[ -n "$freezer" ] || skip_all "no freezer of cgroup v1 is mounted here"
while read -r _ where type _; do
    [ "$type" != cgroup2 ] || umount -l "$where"
done < <(tac /proc/self/mounts)
! grep -q ' cgroup2 ' /proc/self/mounts || skip_all "cgroup v2 cannot be taken away here"
remember

STATIONS=/run/casemate/guards
station() { "$TOOLS/station" "$(station_of "$1")" "${@:2}" 2>&1; } # NAME REQUEST [SECONDS]
station_of() {
    local path
    for path in "$STATIONS"/*; do
        [ -S "$path" ] && "$TOOLS/station" "$path" show 2>/dev/null | grep -qx "guard ${GUEST_PID[$1]}" && echo "$path" && return
    done
    echo "$STATIONS/none"
}
state_of() { sed -n 's/^state //p' <<<"$(station "$1" show)"; }
# The guest's group: the one with its VMM.
group_of() { sed -nE 's/^[0-9]+:freezer:(.*)\/[^/]*$/\1/p' "/proc/$(pid_of "$1" vmm)/cgroup"; }
# The processor time of all its processes, in ticks; a thread that is frozen gets none.
ticks() {
    local pid sum=0 stat
    for pid in $(processes "$1" | awk '{ print $3 }'); do
        read -r stat <"/proc/$pid/stat" || continue
        stat=${stat##*) }
        set -- $stat
        sum=$((sum + ${12} + ${13}))
    done
    echo "$sum"
}
goes_on() { [ "$(ticks "$1")" -gt "$2" ]; }

payload one spin
await_event one running
group=$freezer$(group_of one)
is "$(cat "$group/freezer.state" 2>&1)" THAWED "a guest has a group of v1's freezer"
ok "and runs" wait_for 20 goes_on one 0
is "$(station one pause) $(state_of one)" "status 0 paused" "pause"
is "$(cat "$group/freezer.state")" FROZEN "it is frozen"
was=$(ticks one)
is "$(ticks one)" "$was" "and uses no processor"
is "$(station one resume) $(state_of one)" "status 0 running" "resume"
ok "it goes on" wait_for 20 goes_on one "$was"
is "$(station one quarantine) $(state_of one)" "status 0 quarantined" "quarantine"
is "$(station one resume) $(cat "$group/freezer.state")" "status -1 FROZEN" "which nobody takes back"
station one kill >"$scratch/kill"
finish one
is "$CODE" 0 "what is frozen can be killed"
left_nothing "a quarantined guest"

payload two spin
await_event two running
is "$(station two pause)" "status 0" "another is paused"
kill -KILL "${GUEST_PID[two]}"
finish two
left_nothing "the guard of a paused guest killed"
done_testing
