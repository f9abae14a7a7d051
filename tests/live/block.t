#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A block device reaches its guest through a node that nobody else can name: what happens to /dev's own disturbs no guest,
# and what a guest gets shows nowhere in /dev.
. "$(dirname "$0")/lib/guest.sh"
RUN_MORE=(--on-permissive alarm)
need_kvm
modprobe loop 2>/dev/null
truncate -s 8M "$scratch/disk.img"
loop=$(losetup -f --show "$scratch/disk.img") || skip_all "no loop devices on this host"
detach() { losetup -d "$loop" 2>/dev/null; }
at_exit detach
remember

# Our module lets nobody look into a guest's processes: so while SELinux is permissive for a moment.
permissive() {
    local status
    if ! selinux_enforcing; then
        "$@"
        return
    fi
    setenforce 0
    "$@"
    status=$?
    setenforce 1
    return $status
}
look() { # NAME FORMAT: the disk of the guest's blk, through its descriptor
    local pid fd
    pid=$(pid_of "$1" blk)
    for fd in /proc/"$pid"/fd/*; do
        [[ $(readlink "$fd") != */block-* ]] || { stat -L -c "$2" "$fd"; return; }
    done
    echo "none"
}
mode_of() { # NAME: how the descriptor is open, 00 for reading alone
    local pid fd
    pid=$(pid_of "$1" blk)
    for fd in /proc/"$pid"/fd/*; do
        [[ $(readlink "$fd") != */block-* ]] || sed -nE 's/^flags:.*(.)$/\1/p' "/proc/$pid/fdinfo/${fd##*/}"
    done
}
node() { echo "$(stat -c '%i %a %u:%g' "$loop") $(label "$loop")"; }

# -- another node, with the guest's label
before=$(node)
payload first halt --name first --disk "$loop"
await_event first running
is "$(node)" "$before" "/dev's node has its owner, mode and label while a guest has the device"
is "$(permissive look first %t:%T:%a:%u)" "$(stat -c %t:%T "$loop"):600:0" "the guest has a node of the same device"
isnt "$(permissive look first %d)" "$(stat -c %d "$loop")" "which is not in /dev"
given=$(permissive look first '%d %i %a %u:%g')
is "$(permissive mode_of first)" 2 "open for reading and writing"
if [ ${#MAC[@]} -eq 0 ]; then
    labelled=$(permissive look first %C)
    like "$labelled" ':casemate_tenant_0000[.]image_t:s0:c[0-9]+,c[0-9]+$' "labelled for this guest"
else
    skip "no SELinux: nothing is labelled"
fi

# -- one writer, whatever the nodes are called
other=/dev/casemate-block-test
mknod "$other" b "0x$(stat -c %t "$loop")" "0x$(stat -c %T "$loop")"
at_exit rm -f "$other"
[ ${#MAC[@]} -ne 0 ] || chcon --reference "$loop" "$other"
for disk in "$loop" "$other"; do
    run_payload second off --name second --disk "$disk"
    expect_error second 1 "the block device '$disk' is in use" "refused to a second guest as ${disk##*/}"
done
run_payload second off --name second --disk "$loop,ro"
expect_error second 1 "the block device '$loop' is in use" "and to one that would only read"
rm "$other"

# -- what udev and restorecon do
chown 12345 "$loop"
chmod 0666 "$loop"
if [ ${#MAC[@]} -eq 0 ]; then
    chcon -t removable_device_t "$loop"
    restorecon -F "$loop"
    is "$(permissive look first %C)" "$labelled" "restorecon on /dev's node: the guest's keeps its label"
else
    skip "no SELinux: nothing is labelled"
fi
echo change >"/sys/block/${loop##*/}/uevent"
is "$(permissive look first '%d %i %a %u:%g')" "$given" "a change event, another owner and mode there: the guest's node is as it was"
chmod "$(cut -d' ' -f2 <<<"$before")" "$loop"
chown "$(cut -d' ' -f3 <<<"$before")" "$loop"
ok "and the guest runs" test -e "/proc/$(pid_of first blk)"
force first
is "$(node)" "$before" "nothing had to be given back"

# -- readers share it, each by a node of its own, and keep writers out
for name in reader another; do
    payload $name halt --name $name --disk "$loop,ro"
    await_event $name running
    is "$(permissive mode_of $name)" 0 "$name: open for reading alone"
done
isnt "$(permissive look reader %d)" "$(permissive look another %d)" "each has a node of its own"
if [ ${#MAC[@]} -eq 0 ]; then
    like "$(permissive look reader %C)" '[.]image_ro_t:' "of the type that nobody writes"
else
    skip "no SELinux: nothing is labelled"
fi
run_payload second off --name second --disk "$loop"
expect_error second 1 "the block device '$loop' is in use" "a writer is refused while they run"
force reader
force another

# -- where no node can be made
if command -v capsh >/dev/null && [ ${#MAC[@]} -ne 0 ]; then
    said=$(capsh --drop=cap_mknod -- -c "'$CASEMATE' run ${MAC[*]} --kernel '$PAYLOAD' --memory 32M --cmdline off --disk '$loop'" 2>&1 </dev/null)
    like "$said" "cannot make a device node for the disk '$loop'.*CAP_MKNOD" "without CAP_MKNOD: said, with what to do"
else
    skip "SELinux decides on the launcher's capabilities here, or there is no capsh"
fi

ok "nobody has the device any more" losetup -d "$loop"
left_nothing block
done_testing
