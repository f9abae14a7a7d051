#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the loaded policy decides, constraints included, asked of the kernel itself: every confined type against every
# object, against each other, and against things of the host; for the guest's own categories, for another's, and for
# categories that overlap, contain or lie in its own.
. "$(dirname "$0")/lib/tap.sh"

[ "$(cat /sys/fs/selinux/enforce 2>/dev/null)" = 1 ] || skip_all "SELinux is not enforcing here"

own=s0:c0,c1
foreign=(s0 s0:c0 s0:c1,c2 s0:c2,c3 s0:c0,c1,c2 s0-s0:c0.c1023)
confined=(vmm blk net rng console)
process=system_u:system_r:casemate_ # then KIND_t:LEVEL
object=system_u:object_r:           # then TYPE:LEVEL
shell=unconfined_u:unconfined_r:unconfined_t:s0-s0:c0.c1023
launcher=system_u:system_r:casemated_t:s0

# may SOURCE TARGET CLASS: the permissions go to $may, sorted. No process is started for it: there are thousands.
# The kernel takes one question per opening of the file (selinuxfs, access).
declare -A class_index=() class_permissions=()
learn() {
    local file bit list=()
    read -r "class_index[$1]" <"/sys/fs/selinux/class/$1/index"
    for file in "/sys/fs/selinux/class/$1/perms"/*; do
        read -r bit <"$file"
        list+=("$bit:${file##*/}")
    done
    class_permissions[$1]=${list[*]}
}
may() {
    local allowed='' entry
    [ -n "${class_index[$3]:-}" ] || learn "$3"
    may=''
    exec 3<>/sys/fs/selinux/access
    { printf '%s %s %s' "$1" "$2" "${class_index[$3]}" >&3 && read -r allowed _ <&3; } 2>/dev/null
    exec 3>&-
    [ -n "$allowed" ] || { may='(unknown context)' && return; }
    [ "$allowed" != 0 ] || return 0
    allowed=$((16#$allowed))
    for entry in ${class_permissions[$3]}; do
        if ((allowed >> (${entry%%:*} - 1) & 1)); then may+="${may:+ }${entry#*:}"; fi
    done
}
# may_is SOURCE TARGET CLASS WANT NAME
may_is() {
    may "$1" "$2" "$3"
    is "$may" "$4" "$5"
}
# none SOURCE TARGET CLASS: collects in $got what is allowed and should not be
none() {
    may "$1" "$2" "$3"
    [ -z "$may" ] || got+="${1#"$process"} to ${2#"$object"} $3: $may; "
}

may "${process}vmm_t:$own" "${process}vmm_t:$own" process
[ "$may" != '(unknown context)' ] || skip_all "Casemate's policy module is not loaded"

# -- the guest's own objects: exactly this
declare -A rights=(
    [vmm/ram]="getattr map read write" [vmm/boot]="getattr read write" [vmm/config]="getattr read write"
    [blk/image]="getattr read write" [blk/image_ro]="getattr read" [blk/ram]="getattr map read write"
    [blk/config]="getattr read write" [net/ram]="getattr map read write" [net/config]="getattr read write"
    [rng/ram]="getattr map read write" [rng/config]="getattr read write" [console/config]="getattr read write"
)
for kind in "${confined[@]}"; do
    for name in image image_ro ram boot config; do
        want=${rights[$kind/$name]:-}
        may_is "$process${kind}_t:$own" "${object}casemate_${name}_t:$own" file "$want" "$kind, $name of its guest: ${want:-nothing}"
    done
done
may_is "${process}blk_t:$own" "${object}casemate_image_t:$own" blk_file "getattr ioctl read write" "blk: a block device of its guest"
may_is "${process}blk_t:$own" "${object}casemate_image_ro_t:$own" blk_file "getattr ioctl read" "blk: a read-only one"

# -- anybody else's: nothing. Categories that contain the object's are not enough, nor is a range that spans all.
got=''
for level in "${foreign[@]}"; do
    for kind in "${confined[@]}"; do
        for name in image ram boot config; do
            for class in file blk_file; do
                none "$process${kind}_t:$own" "${object}casemate_${name}_t:$level" $class
                none "$process${kind}_t:$level" "${object}casemate_${name}_t:$own" $class
            done
        done
    done
done
is "$got" "" "objects of other categories: nothing"
may_is "${process}blk_t:$own" "${object}casemate_image_ro_t:s0:c2,c3" file "" "a read-only image of other categories: nothing"
may_is "${process}blk_t:$own" "${object}casemate_image_ro_t:s0" file "getattr read" \
    "a read-only image without categories may serve several guests"

# -- the other processes of the guest: the sockets and descriptors of their protocol
declare -A sockets=([console/vmm]="getattr read write")
for kind in "${confined[@]}"; do sockets[$kind/$kind]="getattr read write"; done
for kind in blk net rng; do sockets[vmm/$kind]="getattr read write"; done
wrong=''
for from in "${confined[@]}"; do
    for to in "${confined[@]}"; do
        may "$process${from}_t:$own" "$process${to}_t:$own" unix_stream_socket
        [ "$may" = "${sockets[$from/$to]:-}" ] || wrong+="$from/$to: $may; "
        may "$process${from}_t:$own" "$process${to}_t:$own" process
        [ "$from/$to/$may" = vmm/vmm/fork ] || [ -z "$may" ] || wrong+="$from/$to process: $may; "
    done
done
is "$wrong" "" "within the guest: the sockets of vhost-user and of the console, and nothing of a process"
got=''
for from in "${confined[@]}"; do
    for to in "${confined[@]}"; do
        for level in "${foreign[@]}"; do
            for class in process process2 fd unix_stream_socket unix_dgram_socket fifo_file file shm sem msgq; do
                none "$process${from}_t:$own" "$process${to}_t:$level" $class
            done
        done
    done
done
is "$got" "" "between guests: no process, descriptor, socket, pipe or shared memory"

# -- the host
got=''
for kind in "${confined[@]}"; do
    for name in etc_t bin_t lib_t tmp_t user_home_dir_t shadow_t proc_t sysfs_t var_run_t var_log_t unlabeled_t \
        fixed_disk_device_t casemate_runtime_t casemate_state_t casemated_exec_t security_t memory_device_t random_device_t urandom_device_t; do
        for class in file dir lnk_file chr_file blk_file sock_file; do
            none "$process${kind}_t:$own" "$object$name:s0" $class
        done
    done
    for class in tcp_socket udp_socket rawip_socket packet_socket netlink_route_socket netlink_audit_socket vsock_socket \
        alg_socket unix_dgram_socket tun_socket key capability capability2 cap_userns bpf perf_event io_uring memprotect; do
        none "$process${kind}_t:$own" "$process${kind}_t:$own" $class
    done
    for peer in sshd_t kernel_t auditd_t crond_t udev_t; do
        for class in process unix_stream_socket unix_dgram_socket fifo_file fd; do
            none "$process${kind}_t:$own" system_u:system_r:$peer:s0 $class
        done
    done
done
is "$got" "" "of the host: no file, directory, device, network, capability or process"
got=''
for kind in vmm blk net rng; do
    for class in process unix_stream_socket unix_dgram_socket fifo_file fd; do none "$process${kind}_t:$own" "$shell" $class; done
    for name in user_devpts_t user_tty_device_t console_device_t; do none "$process${kind}_t:$own" "$object$name:s0" chr_file; done
done
for name in user_devpts_t user_tty_device_t; do
    may_is "${process}console_t:$own" "$object$name:s0" chr_file "getattr read write" "console: a terminal ($name), without open and ioctl"
done
is "$got" "" "the operator's terminal, pipes and descriptors: for the console alone"
for kind in "${confined[@]}"; do
    kvm='' tap=''
    [ $kind != vmm ] || kvm="getattr ioctl read write"
    [ $kind != net ] || tap="getattr ioctl read write"
    may_is "$process${kind}_t:$own" "${object}kvm_device_t:s0" chr_file "$kvm" "$kind: /dev/kvm: ${kvm:-nothing}"
    may_is "$process${kind}_t:$own" "${object}tun_tap_device_t:s0" chr_file "$tap" "$kind: taps: ${tap:-nothing}"
done

# -- who gets in
for from in "$shell" system_u:system_r:init_t:s0 system_u:system_r:initrc_t:s0; do
    got=''
    for kind in "${confined[@]}"; do
        may "$from" "$process${kind}_t:$own" process
        for permission in transition dyntransition ptrace setexec; do
            [[ " $may " != *" $permission "* ]] || got+="$kind: $permission "
        done
        none "$from" "$process${kind}_t:$own" process2
    done
    none "$from" "${object}casemate_image_t:$own" file
    none "$from" "${object}casemate_ram_t:$own" file
    is "$got" "" "${from%%:s0*} neither becomes nor traces a guest's process, nor opens its disk"
done
for kind in "${confined[@]}"; do
    may_is $launcher "$process${kind}_t:$own" process2 "nnp_transition nosuid_transition" "casemated_t starts $kind with no_new_privs"
    may_is "$process${kind}_t:$own" $launcher process sigchld "$kind: nothing to casemated_t but its end"
    may_is "$process${kind}_t:$own" $launcher unix_stream_socket "" "$kind: no socket of the launcher's own"
done

# -- labels on disk
while read -r path type; do
    is "$(matchpathcon -n "$path" | cut -d: -f3)" "$type" "$path is $type"
done <<'END'
/usr/bin/casemate casemated_exec_t
/usr/local/bin/casemate casemated_exec_t
/usr/local/sbin/casemated casemated_exec_t
/usr/libexec/casemate/casemate-vmm casemate_exec_t
/usr/local/libexec/casemate/casemate-console casemate_exec_t
/run/casemate casemate_runtime_t
/run/casemate/slots casemate_runtime_t
/var/lib/casemate/labels.db casemate_state_t
/usr/bin/casemate-other bin_t
END
done_testing
