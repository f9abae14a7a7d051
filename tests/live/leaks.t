#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What is known to leak where one type and random categories confine all guests of a host (sVirt and its reports): each
# leak is a test here. Leaks that a process would have to try are acts of tests/live/breakout.t.
. "$(dirname "$0")/lib/guest.sh"
RUN_MORE=(--on-permissive alarm)
need_kvm
selinux_enforcing || skip_all "SELinux is not enforcing here"
remember

pair='c[0-9]+,c[0-9]+'
contexts_of() { gate_saw "$1" | sed -nE 's/.*"context":"([^"]*)".*/\1/p'; }
categories_of() { contexts_of "$1" | cut -d: -f5 | sort -u; }
# Our module lets not even the test look into a guest's processes: so while SELinux is permissive for a moment.
permissive() {
    local status
    setenforce 0
    "$@"
    status=$?
    setenforce 1
    return $status
}

# -- categories: one of two equal numbers gave a set that others dominate (CVE-2021-3631); drawn anew, they met again
for name in one two three; do
    truncate -s 8M "$scratch/$name.img"
    [ "$name" != three ] || head -c 1M /dev/urandom | dd of="$scratch/three.img" conv=notrunc status=none
done
before=$(label "$scratch/one.img")
payload one halt --name one --disk "$scratch/one.img"
payload two halt --name two --disk "$scratch/two.img,ro"
for name in one two; do
    await_event "$name" running
    like "$(categories_of "$name")" "^$pair\$" "$name: every process has the same two categories"
    is "$(categories_of "$name" | tr ',' '\n' | sort -u | wc -l)" 2 "$name: which differ"
done
isnt "$(categories_of one)" "$(categories_of two)" "two guests have different ones"
is "$(contexts_of one | cut -d: -f3 | sort | uniq -d)" "" "no two kinds of process have one type"

# -- labels: what was read-only, memory and what is handed over had s0
is "$(label "$scratch/two.img")" "system_u:object_r:casemate_tenant_0000.image_ro_t:s0:$(categories_of two)" \
    "a read-only disk carries its tenant's type and its guest's categories"
seen=$(permissive find $(processes one | awk '{ print "/proc/" $3 "/fd" }') -type l -printf '%p %l\n' 2>/dev/null | grep memfd: |
    while read -r path name _; do echo "$name $(permissive stat -L -c %C "$path")"; done | sort -u)
like "$seen" 'guest-ram.*[.]ram_t:' "guest memory is seen"
is "$(grep -vE ":s0:$(categories_of one)\$" <<<"$seen")" "" "every memory file of a guest carries its categories ($(wc -l <<<"$seen") seen)"

# -- restorecon over a running guest's images took their labels away, and the guest could not read on
given=$(label "$scratch/one.img") matched=$(matchpathcon -n "$scratch/one.img")
isnt "$given" "$matched" "the file contexts say something else of a running guest's image"
for domain in unconfined_u:unconfined_r:unconfined_t:s0-s0:c0.c1023 system_u:system_r:setfiles_t:s0; do
    chmod 755 "$scratch"
    timeout 60 runcon "$domain" restorecon -RF "$scratch" </dev/null 2>&1 | cat >"$scratch/restorecon"
    is "$(label "$scratch/one.img")" "$given" "restorecon -RF of $(cut -d: -f3 <<<"$domain") leaves the image its label" ||
        diag "$(cat "$scratch/restorecon")"
done
isnt "$(label "$scratch/three.img")" "$given" "though it relabels what lies beside it"

# -- "in use" was known in memory only
payload second off --name second --disk "$scratch/one.img"
finish second
expect_error second 1 "in use by another guest" "an image of a running guest is refused to another"

# -- a crash left labels that read as "in use" until the next boot
janitor=$(ps -o pid=,comm= --ppid "${GUEST_PID[one]}" | awk '$2 ~ /^casemate-janit/ { print $1 }')
kill -KILL "${GUEST_PID[one]}" "$janitor"
finish one
like "$(label "$scratch/one.img")" "casemate_tenant_0000" "a guard killed with its janitor leaves a label"
run_payload again off --name again --disk "$scratch/one.img"
expect again 0 PAYLOAD-OK "the next start takes the image all the same"
is "$(label "$scratch/one.img")" "$before" "and gives it its first label back"
run_payload one off --name one --disk "$scratch/one.img" # the guest's own next start takes its cgroup away
expect one 0 PAYLOAD-OK "so does the next start of the guest that was killed"
force two

# -- a header that names another file (CVE-2010-2237): the host opened what the guest had written there
printf 'QFI\xfb\0\0\0\2\0\0\0\0\0\0\0\x48\0\0\0\x0b\0\0\0\x10\0\0\0\0\0\x80\0\0' |
    dd of="$scratch/three.img" conv=notrunc status=none
printf '/etc/shadow' | dd of="$scratch/three.img" bs=1 seek=72 conv=notrunc status=none
payload header halt --name header --disk "$scratch/three.img"
await_event header running
files=$(permissive find "/proc/$(pid_of header blk)/fd" -type l -printf '%l\n' | grep '^/' | grep -v '^/dev/null\|^/memfd:' | sort -u)
is "$files" "$scratch/three.img" "a disk whose bytes name another file is that file and no other"
force header

# -- where a label cannot be set, a warning was all
mkdir "$scratch/readonly"
mount -t tmpfs tmpfs "$scratch/readonly" && at_exit umount "$scratch/readonly"
truncate -s 1M "$scratch/readonly/disk.img"
mount -o remount,ro "$scratch/readonly"
run_payload erofs off --name erofs --disk "$scratch/readonly/disk.img,ro"
expect_error erofs 1 "disk" "a read-only file system cannot be labelled: denied"
unlike "$(events erofs)" '"event":"running"' "and the guest does not run"
umount "$scratch/readonly"
# The attributes of this one fill all that its file system has for them: no room for a longer label.
fat=$scratch/fat.img
truncate -s 1M "$fat"
perl -e '$f = shift; for $size (4000, 3000, 2000, 1000, 500, 250, 100, 50, 25, 10, 4, 1) { 1 while syscall(188, $f, "user.x" . $n++ . "\0", "x" x $size, $size, 0) == 0 }' "$fat"
was=$(getfattr -d -m - --absolute-names "$fat")
run_payload fat off --name fat --disk "$fat"
isnt "$CODE" 0 "a label that does not fit: refused"
like "$(stderr fat)" "fat.img.*has no room for the label" "with the cause"
is "$(getfattr -d -m - --absolute-names "$fat")" "$was" "all its attributes are as they were"
setfattr -x user.x0 "$fat"
run_payload fat off --name fat --disk "$fat"
is "$CODE" 0 "and nothing stands in the way once there is room" || account fat

# -- with SELinux permissive or off, guests ran as they were
setenforce 0
run_payload permissive off --name permissive
setenforce 1
expect_error permissive 1 'SELinux is permissive' "SELinux permissive: denied"

# -- one type for all guests could write objects at s0: asked of the kernel for every context that a file of this host has
declare -A index=()
for class in file dir lnk_file chr_file blk_file sock_file fifo_file; do index[$class]=$(cat "/sys/fs/selinux/class/$class/index"); done
declare -A class_of=([f]=file [d]=dir [l]=lnk_file [c]=chr_file [b]=blk_file [s]=sock_file [p]=fifo_file)
bit() { echo $((1 << ($(cat "/sys/fs/selinux/class/$1/perms/$2") - 1))); }
declare -A writes=()
for class in "${!index[@]}"; do
    bits=0
    for permission in write append create unlink rename setattr relabelfrom relabelto link open add_name remove_name; do
        [ ! -e "/sys/fs/selinux/class/$class/perms/$permission" ] || bits=$((bits | $(bit "$class" "$permission")))
    done
    writes[$class]=$bits
done
asked=0 found=''
while read -r type context; do
    class=${class_of[$type]:-file}
    for kind in vmm blk net rng console tpm; do
        exec 3<>/sys/fs/selinux/access
        printf 'system_u:system_r:casemate_tenant_0001.%s_t:s0:c0,c1 %s %s' "$kind" "$context" "${index[$class]}" >&3 && read -r allowed _ <&3
        exec 3>&-
        asked=$((asked + 1))
        ((16#${allowed:-0} & writes[$class])) && found+="$kind ${context#*:*:} $class;"
    done
done < <({ find / -xdev -printf '%y %Z\n'; find /dev /run /proc/sys /sys/fs/cgroup /tmp -maxdepth 2 -printf '%y %Z\n'; } 2>/dev/null | sort -u)
ok "the contexts of this host's files were asked for ($asked questions)" test "$asked" -gt 300
allowed='null_device_t|kvm_device_t|tun_tap_device_t'
is "$(tr ';' '\n' <<<"$found" | grep . | grep -vE "^(vmm|blk|net|rng|console|tpm) ($allowed):" | sort -u)" "" \
    "none of them may be written, opened or made by a tenant's guest's process, but its devices"

# -- constraints left out sockets, shared memory, priorities, mapping and descriptors
from=system_u:system_r:casemate_tenant_0001 found=''
for target in casemate_tenant_0001:s0:c2,c3 casemate_tenant_0002:s0:c0,c1; do
    for class in fd process process2 unix_stream_socket unix_dgram_socket shm sem msgq key fifo_file file; do
        number=$(cat "/sys/fs/selinux/class/$class/index")
        for kind in vmm blk net rng console tpm; do
            for other in vmm blk net rng console tpm; do
                exec 3<>/sys/fs/selinux/access
                printf '%s.%s_t:s0:c0,c1 system_u:system_r:%s.%s_t:%s %s' "$from" "$kind" "${target%%:*}" "$other" "${target#*:}" "$number" >&3 &&
                    read -r allowed _ <&3
                exec 3>&-
                [ "${allowed:-1}" = 0 ] || found+="$kind to $other of $target: $class; "
            done
        done
    done
done
is "$found" "" "nothing between processes of two guests, whether the types differ or the categories"

left_nothing leaks
done_testing
