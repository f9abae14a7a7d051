#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# casemate-blk: what a guest writes is what it reads, and what the image then holds.
. "$(dirname "$0")/lib/guest.sh"
RUN_MORE=(--on-permissive alarm)
need_kvm
stock_kernels || skip_all "$NO_STOCK"
remember
LONG=600

# -- / on virtio-blk, 64 MiB written, dropped from the cache, read back
image=$scratch/root.img
rooted() {
    cp --sparse=never "$GUEST/root.ext4" "$image"
    full=$(stat -c %b "$image")
    before=$(label "$image")
    truncate -s 8M "$scratch/second.img"
    head -c 12M /dev/zero | tr '\0' '\377' >"$scratch/third.img"
    debian root marker,root,blk,discard,zero --cpus 2 --disk "$image,queues=2" --disk "$scratch/second.img,ro" --disk "$scratch/third.img,queues=4"
    await_event root running
    worker=$(pid_of root blk)
    # Nobody but the launcher may trace a guest's process: SELinux is permissive while the tracer attaches.
    [ ${#MAC[@]} -ne 0 ] || setenforce 0
    strace -f -qq -p "${worker:-0}" -e trace=fdatasync -o "$scratch/flush" 2>/dev/null &
    tracer=$!
    wait_for 30 grep -q '^TracerPid:[^0-9]*[1-9]' "/proc/$worker/status"
    [ ${#MAC[@]} -ne 0 ] || setenforce 1
    during=$(label "$image")
    finish root "$LONG"
    wait "$tracer"
}
rooted
! lost_by_emulation root || rooted
steps_ok root marker root blk discard zero
like "$(console root)" '^guest: ok blk 64 MiB sha256=[0-9a-f]{64} on /$' "64 MiB on the ext4 root, checksum equal"
like "$(console root)" '^guest: disk vda 262144 sectors, ro 0, queues 2$' "the disk has its size and two queues"
like "$(console root)" '^guest: disk vdb 16384 sectors, ro 1' "the second disk is the second option's"
like "$(console root)" '^guest: disk vdc 24576 sectors, ro 0' "and the third the third's"
rest=$(stat -c %b "$image")
ok "discard punches holes into the image ($full blocks became $rest)" test "$rest" -lt $((full - 65536))
is "$CODE" 0 "exit status"
ok "the guest's flushes reach the image ($(grep -c fdatasync "$scratch/flush" 2>/dev/null))" \
    grep -q 'fdatasync(7).*= 0' "$scratch/flush"
unlike "$(console root)" 'I/O error' "no request of a guest with two CPUs fails, up to its power-off"
# What the guest made zero is zero in the image, and nothing else is.
cp "$scratch/third.img" "$scratch/zeroed.img"
for range in 64:64 1024:1024 4096:2048 12224:64; do
    dd if=/dev/zero bs=1K seek="${range%:*}" count="${range#*:}" conv=notrunc of="$scratch/zeroed.img" status=none
done
is "$(tr -d '\0' <"$scratch/third.img" | wc -c)" $(((12288 - 64 - 1024 - 2048 - 64) * 1024)) "exactly what was asked for is zero"
ok "at its place" cmp "$scratch/third.img" "$scratch/zeroed.img"
ok "holes take no space ($(stat -c %b "$scratch/third.img") blocks)" test "$(stat -c %b "$scratch/third.img")" -le $(((12288 - 3072 + 64) * 2))
ok "the image's file system is clean afterwards" e2fsck -f -n "$image"
if [ ${#MAC[@]} -eq 0 ]; then
    like "$during" ':casemate_tenant_0000[.]image[a-z_]*:s0:c[0-9]+,c[0-9]+$' "the image carries the guest's label while it runs"
    is "$(label "$image")" "$before" "and its old one afterwards"
else
    skip "no SELinux: images are not labelled" 2
fi

# -- read-only
cp "$image" "$scratch/ro.img"
sum=$(sha256sum <"$scratch/ro.img")
payload share halt --disk "$scratch/ro.img,ro"
await_event share running
second=$scratch/ro.img
if [ ${#MAC[@]} -eq 0 ]; then
    # With SELinux an image has the label of one guest at a time, a read-only one too.
    run_payload ro-second off --disk "$second,ro"
    expect_error ro-second 1 "is in use by another guest, 'guest' of tenant 'host'" "a read-only image that another guest has: denied"
    second=$scratch/ro-own.img
    cp "$scratch/ro.img" "$second"
fi
run_debian ro ro --disk "$second,ro"
like "$(console ro)" "^guest: ok ro sha256=$(head -c 1M "$scratch/ro.img" | sha256sum | cut -d' ' -f1)" \
    "a read-only disk refuses a write, and reads as what the image holds"
is "$(sha256sum <"$second")" "$sum" "the image of a read-only disk is unchanged"

ok "while another guest runs with the image, read-only as well" test -e "/proc/$(pid_of share blk)"
force share

# -- a block device; and the same disk again: no lock was left. While the guest has it, the kernel tells udev that it has
# changed, and udev gives /dev's node the owner, the mode and the label that it should have. Debian's rules do that for new
# devices alone; a host's own rule does it each time.
node() { stat -c '%a %U:%G %C' "$loop"; }
node_is() { [ "$(node)" = "$1" ]; }
udevd=/lib/systemd/systemd-udevd
if modprobe loop 2>/dev/null && loop=$(losetup -f --show "$image"); then
    at_exit losetup -d "$loop"
    should="660 root:disk $(matchpathcon -n "$loop")"
    if in_test_host && selinux_enforcing && [ -x $udevd ]; then
        mkdir -p /run/udev/rules.d
        echo 'SUBSYSTEM=="block", KERNEL=="loop*", OWNER="root", GROUP="disk", MODE="0660"' >/run/udev/rules.d/90-casemate-test.rules
        $udevd </dev/null >"$scratch/udevd.log" 2>&1 &
        udevd=$!
        end_udevd() { kill $udevd; wait $udevd; rm -rf /run/udev; }
        at_exit end_udevd
        wait_for 60 test -S /run/udev/control
    else
        udevd=''
    fi
    APPEND='casemate.mib=8' debian device blk --disk "$loop"
    await_event device running
    if [ -n "$udevd" ]; then
        chown 12345 "$loop"
        chmod 0606 "$loop"
        chcon -t removable_device_t "$loop"
        isnt "$(node)" "$should" "/dev's node is made another"
        echo change >"/sys/block/${loop##*/}/uevent"
        ok "udev, told of a change, makes it what it should be" wait_for 60 node_is "$should" || diag "$(node)" "$(tail -n 5 "$scratch/udevd.log")"
        ok "before the guest writes to the device" eval '! console_has device "^guest: ok blk"'
    else
        skip "no udev, or no SELinux: nobody relabels /dev" 3
    fi
    APPEND='casemate.mib=8' finish_debian device blk --disk "$loop"
    steps_ok device blk
    losetup -d "$loop"
    ok "and the file behind it is a clean file system" e2fsck -f -n "$image"
else
    skip "no loop devices on this host" 2
fi

left_nothing disk
done_testing
