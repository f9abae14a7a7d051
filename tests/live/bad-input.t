#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Wrong input of every kind: one clear error, the right exit status, no guest, nothing left behind.
# 1: denied (a protection, or in use by another); 2: what was asked for cannot be; 3: the host failed.
. "$(dirname "$0")/lib/guest.sh"
need_kvm
PATIENCE=60

# A case a line: bad TEST-NAME STATUS REGEX OPTION...
bad() {
    local what=$1 code=$2 regex=$3 errors=() line IFS=$'\n'
    shift 3
    run_guest bad "$@"
    while IFS= read -r line; do
        [[ $line == 'casemate: note: '* ]] || errors+=("$line")
    done <"$scratch/bad.err"
    if [ "$CODE" != "$code" ] || ! matches "${errors[*]}" "$regex"; then
        fail "$what"
        diag "expected exit status $code and an error that matches /$regex/"
        account bad
    elif event_has bad running; then
        fail "$what: the guest ran all the same"
    elif [ ${#errors[@]} -gt 2 ]; then
        fail "$what: more than one error"
        diag "$(stderr bad)"
    elif ! wait_for 10 nothing_left; then
        fail "$what: something is left behind"
        diag "$(left)"
    else
        pass "$what"
    fi
}

# patch FROM TO OFFSET HEX: a copy with some bytes changed
patch() {
    cp "$1" "$2"
    # shellcheck disable=SC2001
    printf "$(sed 's/../\\x&/g' <<<"$4")" | dd of="$2" bs=1 seek="$(($3))" conv=notrunc status=none
}
k=$scratch/kernel # what the cases below change

payload_is() { # TEST-NAME REGEX
    if sampled 6; then bad "$1" 2 "$2" --kernel "$k" --memory 64M; fi
}

remember

# ---------------------------------------------------------------- options
option() { if sampled 5; then bad "$@"; fi; }
option "no option at all" 2 'needs a kernel|no kernel' --rng
option "an unknown option" 2 "unknown option '--frobnicate'" --kernel "$PAYLOAD" --frobnicate
option "an option with a typo" 2 "unknown option '--memroy': did you mean '--memory'" --kernel "$PAYLOAD" --memroy=64M
option "a control character in an option's name" 2 "unknown option '--a.*x1b" --kernel "$PAYLOAD" $'--a\x1b[31m'
option "an option without its value" 2 '--kernel needs a value' --kernel
option "a switch with a value" 2 '--rng takes no value' --kernel "$PAYLOAD" --rng=yes
option "an option given twice" 2 '--cpus is given twice' --kernel "$PAYLOAD" --cpus 1 --cpus 2
option "no CPU" 2 "cpus '0' is out of range" --kernel "$PAYLOAD" --cpus 0
option "65 CPUs" 2 "cpus '65' is out of range" --kernel "$PAYLOAD" --cpus 65
option "CPUs that are no number" 2 "cpus 'two' is not a number" --kernel "$PAYLOAD" --cpus two
option "CPUs beyond 64 bits" 2 "cpus '18446744073709551617' is out of range" --kernel "$PAYLOAD" --cpus 18446744073709551617
option "an unknown CPU model" 2 "unknown cpu 'v5'" --kernel "$PAYLOAD" --cpu v5
option "too little memory" 2 'too little: give at least 32M' --kernel "$PAYLOAD" --memory 30M
option "too much memory" 2 'at most 512G' --kernel "$PAYLOAD" --memory 513G
option "memory beyond 64 bits" 2 'too much' --kernel "$PAYLOAD" --memory 99999999999999999999G
option "memory that is no multiple of 2M" 2 'not a multiple of 2M' --kernel "$PAYLOAD" --memory 33M
option "memory of an unknown unit" 2 "memory '64Q' is not a size" --kernel "$PAYLOAD" --memory 64Q
option "negative memory" 2 "memory '-64M' is not a size" --kernel "$PAYLOAD" --memory -64M
option "more memory than the host has" 2 'but this host has [0-9]+ MiB; lower --memory' --kernel "$PAYLOAD" --memory 512G
option "an unknown access control" 2 "unknown mac|--mac is given twice" --kernel "$PAYLOAD" --mac apparmor
option "a command line that is too long" 2 'cmdline is 2048 bytes long: the kernel takes at most 2047' \
    --kernel "$PAYLOAD" --cmdline "$(printf '%02048d' 0)"
option "a command line with a newline" 2 'cmdline contains a control character' --kernel "$PAYLOAD" --cmdline $'a\nb'
option "a guest name that is a path" 2 "guest name '../x' cannot be used" --kernel "$PAYLOAD" --name ../x
option "an event descriptor that is not open" 2 '--events 99 is not an open descriptor' --kernel "$PAYLOAD" --events 99
option "an off-timeout that is no number" 2 '--off-timeout takes seconds' --kernel "$PAYLOAD" --off-timeout soon
run_payload longest "off $(printf '%02043d' 0)"
expect longest 0 'CASEMATE-PAYLOAD-OK off 0{2043}$' "the longest command line, 2047 bytes, is accepted and arrives"

# ---------------------------------------------------------------- configuration files
conf=$scratch/guest.conf
bad "a configuration file that does not exist" 2 "cannot read the configuration file '.*none.conf': No such file" "$scratch/none.conf"
bad "a configuration file that is a directory" 2 "cannot read the configuration file .*(not a regular file|Permission denied)" "$scratch"
: >"$conf"
bad "an empty configuration file" 2 "guest.conf:1:1: " "$conf"
printf 'guest web {\n    kernel "/x"\n}\n' >"$conf"
bad "a missing semicolon" 2 "guest.conf:[23]:[0-9]+: .*;" "$conf"
printf 'guest web {\n    kernel "/x";\n    memroy 64M;\n}\n' >"$conf"
bad "an unknown statement" 2 "guest.conf:3:5: .*memroy.*memory" "$conf"
printf 'guest web {\n    kernel "/x";\n    cpus 65;\n}\n' >"$conf"
bad "a value out of range" 2 "guest.conf:3:10: .*65" "$conf"
head -c 2000000 /dev/zero | tr '\0' '#' >"$conf"
bad "a configuration file of 2 MB" 2 "guest.conf:.*(large|long|big|most|bytes)" "$conf"
head -c 5000 /dev/urandom >"$conf"
bad "a configuration file of random bytes" 2 "guest.conf:1:[0-9]+: " "$conf"
printf 'guest web { kernel "%s"; }\n' "$PAYLOAD" >"$conf"
bad "two configuration files" 2 'more than one configuration file' "$conf" "$conf"
# The author of a description has no say in what confines it.
printf 'guest web { kernel "%s"; cmdline "off"; mac landlock; }\n' "$PAYLOAD" >"$conf"
words=("${MAC[@]}")
MAC=()
bad "a configuration file that switches SELinux off" 1 'only the command line can say so' "$conf"
MAC=("${words[@]}")

# ---------------------------------------------------------------- the kernel as a file
bad "a kernel that does not exist" 2 "cannot open the kernel '/nonexistent/kernel': No such file" --kernel /nonexistent/kernel
bad "a kernel that is a directory" 2 "the kernel '.*' is a directory|cannot open the kernel '.*': Permission denied" --kernel "$scratch"
mkfifo "$scratch/fifo"
bad "a kernel that is a FIFO" 2 "the kernel '.*' is not a regular file|cannot open the kernel '.*': Permission denied" --kernel "$scratch/fifo"
bad "a kernel that is a device" 2 "the kernel '/dev/zero' is not a regular file" --kernel /dev/zero
bad "an empty path" 2 'the kernel path is empty|has no kernel' --kernel ''
: >"$k"
bad "an empty kernel" 2 "the kernel '.*' is empty" --kernel "$k"
head -c 100000 /dev/urandom >"$k"
payload_is "a kernel of random bytes" 'neither a bzImage nor an ELF image'
head -c 1000000 /dev/zero >"$k"
payload_is "a kernel of zeroes" 'neither a bzImage nor an ELF image'
echo '#!/bin/sh' >"$k"
payload_is "a kernel that is a script" 'neither a bzImage nor an ELF image'
gzip -c "$PAYLOAD" >"$k"
payload_is "a compressed ELF image" 'neither a bzImage nor an ELF image'

# ---------------------------------------------------------------- bzImages that lie (x86 boot protocol 2.15)
lies="the kernel( is cut short|'s setup header is wrong| speaks boot protocol| does not fit)|neither a bzImage"
for size in 100 513 600 4096 100000; do
    head -c $size "$KERNEL" >"$k"
    payload_is "a bzImage cut after $size bytes" "$lies"
done
head -c 60000 "$KERNEL" >"$k.cut"
patch "$k.cut" "$k" 0x1f1 ff
payload_is "setup_sects past the end" "$lies"
patch "$KERNEL" "$k" 0x1f4 ffffff7f
payload_is "syssize past the end" 'the kernel is cut short'
patch "$KERNEL" "$k" 0x202 58585858
payload_is "no HdrS" 'neither a bzImage'
patch "$KERNEL" "$k" 0x206 0102
payload_is "boot protocol 2.1" 'speaks boot protocol 0x201'
patch "$KERNEL" "$k" 0x236 0000
payload_is "no 64-bit entry" 'without a 64-bit entry'
patch "$KERNEL" "$k" 0x260 ffffffff
payload_is "init_size of 4 GiB" 'the kernel does not fit'
bad "memory too small for the kernel's init_size" 2 'the kernel does not fit: it needs [0-9]+ MiB' --kernel "$KERNEL" --memory 32M
patch "$KERNEL" "$k" 0x258 00000000ffffffff
dd if=/dev/zero of="$k" bs=1 seek=$((0x234)) count=1 conv=notrunc status=none
payload_is "a fixed address beyond memory" "$lies"
patch "$KERNEL" "$k" 0x238 0a000000
bad "a command line longer than this kernel takes" 2 'the command line has [0-9]+ bytes; this kernel takes at most 10' \
    --kernel "$k" --memory 256M --cmdline "console=ttyS0 quiet"

# ---------------------------------------------------------------- ELF images that lie; payload.elf is ELF32, vmlinux ELF64
# Program headers of payload.elf are 32 bytes each from 52: note, text, data. Fields: type, offset, virtual and
# physical address, size in the file, size in memory.
wrong='the kernel.s ELF (header is wrong|segment|notes are malformed)|entry point|cut short|does not fit|neither a bzImage'
segment='the kernel.s ELF segment [0-9]+ .*overlaps another, overflows or leaves'
for size in 20 52 60 100; do
    head -c $size "$PAYLOAD" >"$k"
    payload_is "an ELF image cut after $size bytes" "$wrong"
done
patch "$PAYLOAD" "$k" 18 2800
payload_is "an ELF image for ARM" "$wrong"
patch "$PAYLOAD" "$k" 28 f0ffffff
payload_is "program headers past the end" "$wrong"
patch "$PAYLOAD" "$k" 44 ffff
payload_is "65535 program headers" "$wrong"
patch "$PAYLOAD" "$k" 42 0100
payload_is "program headers of one byte" "$wrong"
patch "$PAYLOAD" "$k" $((84 + 4)) f0ffffff
payload_is "a segment past the end of the file" "$wrong"
patch "$PAYLOAD" "$k" $((84 + 16)) ffffffff
payload_is "a segment larger than the file" "$wrong"
patch "$PAYLOAD" "$k" $((84 + 20)) 01000000
payload_is "a segment larger in the file than in memory" "$wrong"
patch "$PAYLOAD" "$k" $((116 + 20)) ffffffff
payload_is "a segment whose end overflows" "$segment|does not fit"
patch "$PAYLOAD" "$k" $((116 + 12)) 00000040
payload_is "a segment outside memory" "$segment|does not fit"
patch "$PAYLOAD" "$k" $((116 + 12)) "$(od -An -tx1 -j $((84 + 12)) -N 4 "$PAYLOAD" | tr -d ' \n')"
payload_is "two segments at one address" "$segment"
patch "$PAYLOAD" "$k" $((84 + 12)) 00000000
payload_is "a segment over the loader's own tables" "$segment|entry point"
note=$(grep -obUaP 'Xen\x00' "$PAYLOAD" | head -n 1 | cut -d: -f1)
patch "$PAYLOAD" "$k" $((note + 4)) 00000070
payload_is "an entry point outside the segments" 'entry point 0x70000000 lies outside'
patch "$PAYLOAD" "$k" $((note - 8)) ffffffff
payload_is "a note whose size overflows" "$wrong"
patch "$PAYLOAD" "$k" $((note - 12)) ffffff7f
payload_is "a note whose name is 2 GiB long" "$wrong"
patch "$PAYLOAD" "$k" $((note - 4)) 63000000
payload_is "an ELF image without a PVH note" "$wrong"
if [ -e "$GUEST/vmlinux" ]; then
    head -c 3000000 "$GUEST/vmlinux" >"$k"
    payload_is "a vmlinux cut in the middle" "$wrong"
    head -c 4096 "$GUEST/vmlinux" >"$k.cut"
    patch "$k.cut" "$k" 32 00ffffffffffffff
    payload_is "64-bit program headers past the end" "$wrong"
    patch "$k.cut" "$k" $((64 + 24)) 00f0ffffffffffff
    payload_is "a 64-bit segment whose address overflows" "$wrong"
fi

tell_left_out "wrong images and options"

# ---------------------------------------------------------------- initrd
bad "an initrd that does not exist" 2 "cannot open the initrd '/nonexistent'" --kernel "$PAYLOAD" --initrd /nonexistent
bad "an initrd that is a directory" 2 "the initrd '.*' is a directory|cannot open the initrd '.*': Permission denied" --kernel "$PAYLOAD" --initrd "$scratch"
truncate -s 0 "$scratch/initrd"
bad "an empty initrd" 2 "the initrd '.*' is empty" --kernel "$PAYLOAD" --initrd "$scratch/initrd"
truncate -s 40M "$scratch/initrd"
bad "an initrd that does not fit" 2 'the initrd does not fit: it has 41943040 bytes' --kernel "$PAYLOAD" --memory 32M --initrd "$scratch/initrd"

# ---------------------------------------------------------------- disks
disk_is() { # TEST-NAME STATUS REGEX DISK...
    local name=$1 code=$2 regex=$3 options=() one
    shift 3
    for one in "$@"; do options+=(--disk "$one"); done
    bad "$name" "$code" "$regex" --kernel "$PAYLOAD" --memory 32M "${options[@]}"
}
d=$scratch/disk
truncate -s 1M "$d"
disk_is "a disk that does not exist" 2 "cannot open the disk '/nonexistent'" /nonexistent
disk_is "a disk that is a directory" 2 "directory|cannot open the disk '.*': Permission denied" "$scratch"
disk_is "a read-only disk that is a directory" 2 "the disk '.*' is a directory|cannot open the disk '.*': Permission denied" "$scratch,ro"
disk_is "a disk that is a FIFO" 2 "the disk '.*' is neither file nor block device|cannot open the disk '.*': Permission denied" "$scratch/fifo"
disk_is "a disk that is a character device" 2 "the disk '/dev/zero' is neither file nor block device" /dev/zero
truncate -s 1000 "$scratch/odd"
disk_is "a disk of odd size" 2 'has 1000 bytes, which is not a whole number of 512-byte blocks' "$scratch/odd"
truncate -s 0 "$scratch/none"
disk_is "an empty disk" 2 'has 0 bytes' "$scratch/none"
disk_is "a disk given twice" 2 "disk '.*' is given twice" "$d" "$d"
ln -s "$d" "$scratch/link"
ln -s "$d" "$scratch/foreign"
chown -h 12345 "$scratch/foreign"
disk_is "a link that somebody else owns" 1 "leads through a symbolic link that is not root's" "$scratch/foreign"
cp "$d" "$scratch/linked"
ln "$scratch/linked" "$scratch/other-name"
disk_is "an image with a second name" 1 "has 2 names" "$scratch/linked"
disk_is "a disk given twice by different names" 1 "the disk '.*link' is in use" "$d" "$scratch/link"
disk_is "a disk of 17 queues" 2 "queues '17' is out of range" "$d,queues=17"
disk_is "a disk with a format" 2 "has no 'format=qcow2'" "$d,format=qcow2"
mapfile -t seventeen < <(for i in $(seq 17); do echo "/nonexistent/$i"; done)
disk_is "17 disks" 2 'more than 16 disks' "${seventeen[@]}"
mkdir "$scratch/ro"
truncate -s 1M "$scratch/ro/disk"
if mount --bind "$scratch/ro" "$scratch/ro" && mount -o remount,bind,ro "$scratch/ro"; then
    at_exit umount "$scratch/ro"
    remember
    disk_is "a disk on a read-only file system" 2 "cannot open the disk '.*': Read-only file system" "$scratch/ro/disk"
    umount "$scratch/ro"
    remember
else
    skip "no bind mounts here"
fi

payload holder halt --disk "$d" --rng
await_event holder running
remember
disk_is "a disk in use by another guest" 1 "the disk '.*' is in use by another guest" "$d"
disk_is "even read-only" 1 "the disk '.*' is in use by another guest" "$d,ro"
force holder
remember

# ---------------------------------------------------------------- taps
net_is() { # TEST-NAME STATUS REGEX NET...
    local name=$1 code=$2 regex=$3 options=() one
    shift 3
    for one in "$@"; do options+=(--net "$one"); done
    bad "$name" "$code" "$regex" --kernel "$PAYLOAD" --memory 32M "${options[@]}"
}
net_is "a tap that does not exist" 2 "there is no network interface 'casemate-none'" tap=casemate-none
net_is "an interface that is no tap" 2 "the network interface 'lo' is not a tap" tap=lo
net_is "a tap name that is a pattern" 2 "tap name 'tap%d' cannot be" tap=tap%d
net_is "a tap name that is too long" 2 "tap name '.*' is too long" tap=a234567890123456
net_is "no tap" 2 '--net names no tap' mac=52:54:00:00:00:01
net_is "a group address" 2 'is a group address' tap=x,mac=01:00:5e:00:00:01
net_is "an address that is none" 2 "is not an Ethernet address" tap=x,mac=52:54:00
net_is "a tap given twice" 2 "tap 'x' is given twice" tap=x tap=x
net_is "one address for two nets" 2 'have the same mac' tap=x,mac=52:54:00:00:00:01 tap=y,mac=52:54:00:00:00:01
if ip tuntap add dev casemate-bad mode tap 2>/dev/null; then
    at_exit ip link del casemate-bad
    payload holder halt --net tap=casemate-bad
    await_event holder running
    remember
    net_is "a tap in use by another guest" 1 "the tap 'casemate-bad' is in use by another process" tap=casemate-bad
    force holder
    ip link del casemate-bad
    remember
else
    skip "no tap devices here"
fi

# ---------------------------------------------------------------- the host
if setpriv --reuid=65534 --regid=65534 --clear-groups "$CASEMATE" --version >/dev/null 2>&1; then
    setpriv --reuid=65534 --regid=65534 --clear-groups "$CASEMATE" run "${MAC[@]}" --kernel "$PAYLOAD" </dev/null >"$scratch/user.out" 2>&1
    is "$?" 1 "without root: denied"
    like "$(cat "$scratch/user.out")" 'starting a guest takes root' "and said so"
else
    skip "an ordinary user cannot reach $CASEMATE here" 2
fi
cat >"$scratch/no-kvm.sh" <<SCRIPT
mount --bind /dev/null /dev/kvm && exec "$CASEMATE" run ${MAC[*]} --kernel "$PAYLOAD" --memory 32M --cmdline off
SCRIPT
unshare -m bash "$scratch/no-kvm.sh" </dev/null >"$scratch/kvm.out" 2>&1
is "$?" 1 "something else in place of /dev/kvm: denied"
like "$(cat "$scratch/kvm.out")" '/dev/kvm is not the KVM device' "and said so"

left_nothing bad-input
done_testing
