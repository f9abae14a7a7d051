#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A guard's station: what casemated can ask of it; a frozen guest; and a guard that is killed at any moment.
. "$(dirname "$0")/lib/guest.sh"
need_kvm
remember

STATIONS=/run/casemate/guards
# With SELinux a guard speaks with its own domain alone: the tool is started as the launcher is.
STATION=$scratch/station
cp "$TOOLS/station" "$STATION" && chmod 755 "$scratch" "$STATION"
[ ${#MAC[@]} -gt 0 ] || chcon -t casemated_exec_t "$STATION"
station() { "$STATION" "$(station_of "$1")" "${@:2}" 2>&1; } # NAME REQUEST [SECONDS]
# The station of a guest that `start` started: the one whose guard is its casemate.
station_of() {
    local path
    for path in "$STATIONS"/*; do
        [ -S "$path" ] && "$STATION" "$path" show 2>/dev/null | grep -qx "guard ${GUEST_PID[$1]}" && echo "$path" && return
    done
    echo "$STATIONS/none"
}
value() { sed -n "s/^$1 //p" <<<"$2" | head -n 1; } # NAME TEXT

image=$scratch/disk.img
truncate -s 8M "$image"
before=$(label "$image")

# -- it tells what it guards
payload one spin --disk "$image"
await_event one running
record=$(station one show)
is "$(value tenant "$record") $(value name "$record") $(value state "$record") $(value boots "$record")" "host guest running 1" \
    "the record of a running guest"
is "$(grep -c '^process ' <<<"$record")" "$(processes one | wc -l)" "with each of its processes"
like "$(value categories "$record")" '^c[0-9]+,c[0-9]+$' "with its categories"
if [ ${#MAC[@]} -eq 0 ]; then
    is "$(value context "$record")" "system_u:system_r:casemate_tenant_0000.vmm_t:s0:$(value categories "$record")" "its VMM's context"
    is "$(label "$image")" "system_u:object_r:casemate_tenant_0000.image_t:s0:$(value categories "$record")" "and the image's"
else
    is "$(value context "$record")" "" "and no context without SELinux"
fi
payload two off --disk "$image"
finish two
expect_error two 1 "in use by another guest, guest 'guest' of tenant 'host'" "an image in use: its holder is named"
payload two halt
await_event two running
is "$(value name "$(station two show)")" guest-2 "a second guest of the name has a name of its own"
is "$(value status "$(station two console)")" -25 "casemate run keeps its terminal (ENOTTY)"
where=$(station_of two)
cp "$TOOLS/station" "$scratch/stranger" && chmod 755 "$scratch/stranger"
like "$(setpriv --reuid 65534 --regid 65534 --clear-groups "$scratch/stranger" "$where" show 2>&1)" \
    'Permission denied' "a stranger does not reach the station"
if [ ${#MAC[@]} -eq 0 ]; then
    like "$("$scratch/stranger" "$where" show 2>&1)" 'no answer|Permission denied' "nor does root in another domain"
else
    skip "no SELinux: root is root"
fi
station two kill >"$scratch/kill"
finish two
is "$CODE" 0 "kill ends it"

# -- pause and resume
cpu() { value cpu "$(station one metrics)"; }
more_cpu() { [ "$(cpu)" -gt "$1" ]; }
ok "it uses the processor" more_cpu 0
is "$(station one pause)" "status 0" "pause"
is "$(station one pause)" "status -114" "pause again: EALREADY"
is "$(value state "$(station one show)")" paused "the record says so"
was=$(cpu)
is "$(cpu)" "$was" "a paused guest uses no processor"
is "$(station one resume)" "status 0" "resume"
ok "and it goes on" wait_for 20 more_cpu "$was"
is "$(station one resume)" "status -114" "resume again: EALREADY"

# -- quarantine: evidence, until it is killed
all=$(processes one | awk '{ print $3 }')
fds() { local p; for p in $all; do ls "/proc/$p/fd" | wc -l; done | paste -sd' '; }
held=$(fds)
is "$(station one quarantine)" "status 0" "quarantine"
is "$(station one resume) $(station one stop 0) $(station one pause)" "status -1 status -1 status -114" \
    "it is neither resumed nor stopped"
kill -TERM "${GUEST_PID[one]}"
is "$(value state "$(station one show)")" quarantined "nor does a signal end it"
is "$(fds)" "$held" "it keeps its descriptors"
[ ${#MAC[@]} -gt 0 ] || like "$(label "$image")" 'casemate_tenant_0000' "and its labels"
station one kill >"$scratch/kill"
finish one
is "$CODE" 0 "kill ends it"
left_nothing "guests ended at their stations"
is "$(label "$image")" "$before" "the image has its label back"

# -- the guard is killed: frozen, and after each of the steps of a start
payload frozen spin --disk "$image" --no-reboot
await_event frozen running
is "$(station frozen pause)" "status 0" "a guard that has given up all but two rights can pause as well"
kill -KILL "${GUEST_PID[frozen]}"
finish frozen
left_nothing "the guard of a paused guest killed"
is "$(label "$image")" "$before" "the image has its label back"

# -- descriptors run out, at each step of a start
wrong=0
# One by one: what is open besides (by whoever runs the tests) moves the steps.
for limit in $(seq 5 89); do
    sampled 43 || continue
    (ulimit -n "$limit" && exec "$CASEMATE" run "${MAC[@]}" --kernel "$PAYLOAD" --memory 32M --cmdline off --rng --disk "$image") \
        </dev/null >"$scratch/limit.out" 2>"$scratch/limit.err"
    CODE=$?
    if [ "$CODE" -ne 2 ] && [ "$CODE" -ne 3 ] || ! wait_for 10 nothing_left || [ "$(label "$image")" != "$before" ]; then
        wrong=$((wrong + 1))
        diag "$limit descriptors: exit status $CODE, $(tail -n 1 "$scratch/limit.err"), left: $(left)"
    fi
done
is "$wrong" 0 "a start that runs out of descriptors, at any step, fails and leaves nothing"

lines() { [ "$(wc -l <"$scratch/killed.events" 2>/dev/null || echo 0)" -ge "$1" ] || exited killed; }
wrong=0
for step in $(seq 1 14); do
    sampled 7 || continue
    payload killed halt --disk "$image" --rng
    wait_for "$PATIENCE" lines "$step"
    kill -KILL "${GUEST_PID[killed]}"
    finish killed
    wait_for 10 nothing_left && [ "$(label "$image")" = "$before" ] || { wrong=$((wrong + 1)); diag "step $step: $(left) $(label "$image")"; }
done
is "$wrong" 0 "a guard killed after any step of a start leaves nothing"
tell_left_out "steps"
run_payload last off --disk "$image"
expect last 0 CASEMATE-PAYLOAD-OK "and the next guest has the image"
left_nothing guard
done_testing
