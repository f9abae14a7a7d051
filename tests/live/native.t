#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the machine's own KVM can show, even one that runs no stock kernel: tiny guests from start to end.
. "$(dirname "$0")/lib/guest.sh"
need_kvm
remember

run_payload off off --rng
expect off 0 '^CASEMATE-PAYLOAD-OK off' "payload: power-off"
run_payload reset reset --no-reboot
expect reset 0 CASEMATE-PAYLOAD-OK "payload: reset"
run_payload triple triple
expect_error triple 4 "$TRIPLE" "payload: triple fault"
run_payload cpus off --cpus 4
expect cpus 0 CASEMATE-PAYLOAD-OK "payload: 4 vCPUs"
truncate -s 8M "$scratch/disk.img"
run_payload disk off --disk "$scratch/disk.img,queues=2" --rng
expect disk 0 CASEMATE-PAYLOAD-OK "payload: a disk"
for model in host v2 v3; do
    run_payload "$model" off --cpu "$model"
    if [ "$CODE" = 2 ]; then
        skip "--cpu $model: $(stderr "$model" | tail -n 1)"
    else
        expect "$model" 0 CASEMATE-PAYLOAD-OK "payload: --cpu $model"
    fi
done
host=$(awk '/^MemTotal/ { print int($2 / 1024) }' /proc/meminfo)
if [ "$host" -gt 4600 ]; then
    run_guest big --kernel "$PAYLOAD" --memory 4G --cmdline off
    expect big 0 CASEMATE-PAYLOAD-OK "payload: memory above the PCI hole (4G)"
else
    skip "this host has $host MiB"
fi

# Twenty at a time: names, uids, cgroups and labels do not meet. Where all is emulated, six do for it, and three in turn.
many=20 more=20
if in_test_host && [ -z "${CASEMATE_SOAK:-}" ]; then
    many=6 more=3
    diag "$((40 - many - more)) of 40 guests are left to make soak, and to the machine's own KVM"
fi
for i in $(seq $many); do payload "par$i" off --rng; done
bad=0
for i in $(seq $many); do
    finish "par$i"
    [ "$CODE" = 0 ] && console_has "par$i" PAYLOAD-OK || { bad=$((bad + 1)); account "par$i"; }
done
is "$bad" 0 "$many guests at the same time"
for i in $(seq $more); do run_payload seq off; [ "$CODE" = 0 ] || bad=$((bad + 1)); done
is "$bad" 0 "$more guests one after the other"

left_nothing native
done_testing
