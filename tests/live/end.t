#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Each way in which a guest, or a process of it, can end: a defined state, and nothing left behind.
. "$(dirname "$0")/lib/guest.sh"
need_kvm
remember
image=$(disk end.img)
truncate -s 4M "$scratch/small.img"
before=$(label "$image")

signal() { kill -"$2" "${GUEST_PID[$1]}"; }

# -- the guest ends
run_payload off off --rng
expect off 0 CASEMATE-PAYLOAD-OK "power-off ends with 0"
ok "events end with off" test "$(events off | tail -n 1 | grep -c '"event":"off"')" = 1
run_payload no-reboot reset --no-reboot
expect no-reboot 0 CASEMATE-PAYLOAD-OK "a reset with --no-reboot ends with 0"
is "$(event_count no-reboot running)" 1 "after one boot"

payload reset reset --rng
await_event reset running 1
first=$(processes reset)
if await_event reset running 3; then pass "a reset starts the guest again, and again"; else fail "a reset starts the guest again"; account reset; fi
await_event reset running 4
seen=$(events reset | grep -o '"event":"process".*' | grep -o '"pid":[0-9]*' | sort | uniq -d)
is "$seen" "" "with fresh processes each time"
# Two signals at once are one; while it is asked to power off, a reset ends it, too.
signal reset TERM
finish reset
# Between two boots there is no guest that could be asked.
if [ "$CODE" = 3 ] && stderr reset | grep -q 'before the guest was started'; then CODE=0; fi
is "$CODE" 0 "and ends on request"

run_payload triple triple
expect_error triple 4 "$TRIPLE" "a triple fault ends with 4"
like "$(stderr triple)" '^ +rip [0-9a-f]{16}  rflags' "with the registers"
crash=$(events triple | grep '"event":"crash"')
if grep -q '"registers_lost":true' <<<"$crash"; then
    like "$(stderr triple)" 'KVM resets a vCPU before it reports its triple fault' "which on AMD are those of KVM's reset, and said to be"
    like "$(cat /proc/cpuinfo)" 'AuthenticAMD' "and this is AMD's"
    like "$crash" '"rip":"0xfff0"' "as the events tell as well"
else
    like "$(stderr triple)" '^ +code( [0-9a-f]{2})+' "and the bytes of the instruction"
    like "$crash" '"registers":\{.*"rip":"0x1[0-9a-f]{5}".*\}' "events tell the registers"
    like "$crash" '"instruction":"[0-9a-f]{2,32}"' "and the instruction"
fi

# -- the operator ends it
payload force halt --disk "$scratch/small.img" --rng
await_event force running
signal force TERM
await_event force power-button
ok "SIGTERM presses the power button and leaves the guest running" event_has force power-button
ok "which a guest that does not listen survives" test -e "/proc/$(pid_of force vmm)"
signal force TERM
finish force 10
is "$CODE" 0 "a second SIGTERM forces it off"

payload timeout spin --off-timeout 1
await_event timeout running
start_time=$EPOCHSECONDS
signal timeout TERM
finish timeout 15
is "$CODE" 0 "--off-timeout forces it off"
ok "after a second or little more" test $((EPOCHSECONDS - start_time)) -le 5
for name in INT HUP; do
    payload "sig$name" halt --off-timeout 0
    await_event "sig$name" running
    signal "sig$name" "$name"
    finish "sig$name" 10
    is "$CODE" 0 "SIG$name ends it as well (--off-timeout 0: at once)"
done

# -- one of its processes dies: not by its own will
processes_gone() { ! ps -o pid= -p "$1" >/dev/null; }
kill_one() { # KIND PATTERN
    payload "kill-$1" halt --disk "$image" --disk "$scratch/small.img,ro" --rng
    await_event "kill-$1" running
    local all
    all=$(processes "kill-$1" | awk '{ print $3 }' | paste -sd,)
    kill -KILL "$(pid_of "kill-$1" "$1")"
    finish "kill-$1" 15
    expect_error "kill-$1" 3 "casemate-$1.* was killed by signal 9" "the death of casemate-$1 ends the guest with 3"
    like "$(events "kill-$1")" "\"event\":\"died\".*\"process\":\"$1\"" "events tell of it"
    ok "all other processes are gone" processes_gone "$all"
}
kill_one vmm
kill_one blk
kill_one rng
kill_one console

# -- the launcher dies, and can do nothing any more
payload orphan halt --disk "$image" --rng
await_event orphan running
all=$(processes orphan | awk '{ print $3 }' | paste -sd,)
signal orphan KILL
finish orphan
ok "with the launcher killed, the guest's processes end" wait_for 10 processes_gone "$all"
left_nothing "launcher killed"
is "$(label "$image")" "$before" "the image has its label back"
run_payload again off --disk "$image" --rng
expect again 0 CASEMATE-PAYLOAD-OK "and serves the next guest"

# killed while the guest is being started: as early as there is something to leave
payload early halt --disk "$image" --rng
await_event early process
signal early KILL
finish early
left_nothing "launcher killed while it started processes"
is "$(label "$image")" "$before" "the image has its label back"

# the janitor alone: a guest goes no further than who would clean up after it
payload alone halt --disk "$image"
await_event alone running
kill -KILL "$(ps -o pid=,comm= --ppid "${GUEST_PID[alone]}" | awk '$2 ~ /^casemate-janit/ { print $1 }')"
finish alone
expect_error alone 3 'the janitor .*died' "with the janitor killed, the guest is ended"
left_nothing "janitor killed"
is "$(label "$image")" "$before" "the image has its label back"

# the launcher and its janitor at once: processes die with their parent, the next start clears the cgroup and the label
payload both halt --disk "$image"
await_event both running
all=$(processes both | awk '{ print $3 }' | paste -sd,)
janitor=$(ps -o pid=,comm= --ppid "${GUEST_PID[both]}" | awk '$2 ~ /^casemate-janit/ { print $1 }')
ok "the guard has a janitor" test -n "$janitor"
kill -KILL "$janitor" "${GUEST_PID[both]}"
finish both
ok "launcher and janitor killed: the guest's processes end all the same" wait_for 10 processes_gone "$all"
run_payload after-both off --disk "$image" --rng
expect after-both 0 CASEMATE-PAYLOAD-OK "and the next guest starts: the label store knows whose the image was"
is "$(label "$image")" "$before" "and gives it its first label back"
left_nothing "launcher and janitor killed"

# -- the terminal: raw while the guest has it, as before afterwards; Ctrl-] q ends
cat >"$scratch/terminal.sh" <<SCRIPT
stty -a >"$scratch/stty.before"
"$CASEMATE" run ${MAC[*]} --kernel "$PAYLOAD" --memory 32M --cmdline halt --off-timeout 0 --events 3 3>"$scratch/terminal.events"
echo \$? >"$scratch/terminal.code"
stty -a >"$scratch/stty.after"
SCRIPT
mkfifo "$scratch/keys"
script -q -e -c "bash $scratch/terminal.sh" /dev/null <"$scratch/keys" >"$scratch/terminal.out" 2>&1 &
terminal=$!
exec {keys}>"$scratch/keys"
wait_for "$PATIENCE" grep -q '"event":"running"' "$scratch/terminal.events"
wait_for 10 grep -q CASEMATE-PAYLOAD-OK "$scratch/terminal.out"
printf '\035q' >&"$keys"
wait_for 15 test -s "$scratch/terminal.code"
exec {keys}>&-
wait "$terminal"
is "$(cat "$scratch/terminal.code" 2>/dev/null)" 0 "Ctrl-] q on a terminal ends the guest"
is "$(cat "$scratch/stty.after" 2>/dev/null)" "$(cat "$scratch/stty.before")" "the terminal is as before"

# -- the same of a guest that listens
if stock_kernels; then
    debian button idle --disk "$image" --rng --off-timeout "$PATIENCE"
    await_console button 'guest: ok idle'
    signal button TERM
    finish button $((PATIENCE + 30))
    expect button 0 'guest: power button' "SIGTERM: the guest sees its power button and powers off by itself"
    ok "its disk was left clean" e2fsck -f -n "$image"

    APPEND='reboot=t' debian linux-triple triple # not run_debian: this one's triple fault is meant
    finish linux-triple
    expect linux-triple 4 'guest: ok triple' "Linux triple-faults: 4"
    debian twice marker,reboot
    await_event twice running 2
    signal twice TERM
    finish twice
    is "$CODE" 0 "which a guest that was asked to power off does not get"
    ok "Linux reboots into a second boot" test "$(event_count twice running)" -ge 2 -a "$(console twice | grep -c 'ok reboot')" -ge 1
else
    skip "$NO_STOCK" 4
fi

left_nothing end
done_testing
