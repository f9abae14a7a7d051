#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the loaded policy decides, constraints included, asked of the kernel itself: every confined type against every
# object, against each other, and against things of the host; for the guest's own categories, for another's, and for
# categories that overlap, contain or lie in its own; for its own tenant's types and for another's. Each of the two
# barriers, types and categories, has to hold alone.
. "$(dirname "$0")/lib/tap.sh"

[ "$(cat /sys/fs/selinux/enforce 2>/dev/null)" = 1 ] || skip_all "SELinux is not enforcing here"
tool=${CASEMATE_TOOLS:-$(dirname "$0")/bin}/access
[ -x "$tool" ] || skip_all "no $tool: make builds it"

own=s0:c0,c1
foreign=(s0 s0:c0 s0:c1,c2 s0:c2,c3 s0:c0,c1,c2 s0-s0:c0.c1023)
confined=(vmm blk net rng console tpm)
process=system_u:system_r:casemate_tenant_0001. # then KIND_t:LEVEL
other=system_u:system_r:casemate_tenant_0002.
guests=system_u:object_r:casemate_tenant_0001.  # then KIND_t:LEVEL
others=system_u:object_r:casemate_tenant_0002.
object=system_u:object_r:                       # then TYPE:LEVEL
shell=unconfined_u:unconfined_r:unconfined_t:s0-s0:c0.c1023
launcher=system_u:system_r:casemated_t:s0
front=system_u:system_r:casemate_front_t:s0

# may SOURCE TARGET CLASS: the permissions go to $may, sorted. One process answers them all: there are thousands.
coproc KERNEL { exec "$tool" query; }
may() {
    echo "$1 $2 $3" >&"${KERNEL[1]}" && read -r may <&"${KERNEL[0]}" || may='(no answer)'
}
# may_is SOURCE TARGET CLASS WANT NAME
may_is() {
    may "$1" "$2" "$3"
    is "$may" "$4" "$5"
}
# none SOURCE TARGET CLASS: a question whose answer should be nothing; nothing_more asks them all at once and adds to $got
# what was allowed.
questions=''
none() { questions+="$1 $2 $3"$'\n'; }
nothing_more() {
    printf %s "$questions" >"$scratch/questions"
    questions=''
    "$tool" query <"$scratch/questions" >"$scratch/answers"
    [ "$(wc -l <"$scratch/answers")" = "$(wc -l <"$scratch/questions")" ] || got+="not all questions were answered; "
    got+=$(paste -d' ' "$scratch/questions" "$scratch/answers" | awk 'NF > 3 { printf "%s; ", $0 }')
}

may "${process}vmm_t:$own" "${process}vmm_t:$own" process
[ "$may" != '(unknown context)' ] || skip_all "Casemate's policy module is not loaded"

# -- the guest's own objects: exactly this
declare -A rights=(
    [vmm/ram]="getattr map read write" [vmm/boot]="getattr read write" [vmm/config]="getattr read write"
    [blk/image]="getattr read write" [blk/image_ro]="getattr read" [blk/ram]="getattr map read write"
    [blk/config]="getattr read write" [net/ram]="getattr map read write" [net/config]="getattr read write"
    [rng/ram]="getattr map read write" [rng/config]="getattr read write" [console/config]="getattr read write"
    [tpm/config]="getattr read write" [tpm/tpm_state]="getattr read write"
)
for kind in "${confined[@]}"; do
    for name in image image_ro ram boot config tpm_state; do
        want=${rights[$kind/$name]:-}
        may_is "$process${kind}_t:$own" "${guests}${name}_t:$own" file "$want" "$kind, $name of its guest: ${want:-nothing}"
    done
done
may_is "${process}blk_t:$own" "${guests}image_t:$own" blk_file "getattr ioctl read write" "blk: a block device of its guest"
may_is "${process}blk_t:$own" "${guests}image_ro_t:$own" blk_file "getattr ioctl read" "blk: a read-only one"

# -- anybody else's: nothing. Categories that contain the object's are not enough, nor is a range that spans all.
got=''
for level in "${foreign[@]}"; do
    for kind in "${confined[@]}"; do
        for name in image ram boot config tpm_state; do
            for class in file blk_file; do
                none "$process${kind}_t:$own" "${guests}${name}_t:$level" $class
                none "$process${kind}_t:$level" "${guests}${name}_t:$own" $class
            done
        done
    done
done
nothing_more
is "$got" "" "categories alone: of the same tenant's types nothing, with other categories"
may_is "${process}blk_t:$own" "${guests}image_ro_t:s0:c2,c3" file "" "a read-only image of other categories: nothing"
may_is "${process}blk_t:$own" "${guests}image_ro_t:s0" file "getattr read" \
    "a read-only image without categories may serve several guests"

# -- another tenant's: types alone. The categories are the same, and the constraints have nothing to say.
got=''
for kind in "${confined[@]}"; do
    for name in image image_ro ram boot config tpm_state; do
        for class in file blk_file; do
            none "$process${kind}_t:$own" "${others}${name}_t:$own" $class
            none "$other${kind}_t:$own" "${guests}${name}_t:$own" $class
        done
        none "$process${kind}_t:$own" "${others}${name}_t:s0" file
    done
    for to in "${confined[@]}"; do
        for class in process process2 fd unix_stream_socket unix_dgram_socket fifo_file file shm sem msgq key; do
            none "$process${kind}_t:$own" "$other${to}_t:$own" $class
        done
    done
done
nothing_more
is "$got" "" "types alone: between tenants nothing, whatever the categories"
got=''
for ((slot = 0; slot < 64; slot++)); do
    printf -v from 'system_u:system_r:casemate_tenant_%04d.' $slot
    printf -v to 'casemate_tenant_%04d.' $(((slot + 1) % 64))
    may "${from}vmm_t:$own" "${from}vmm_t:$own" unix_stream_socket
    [ "$may" = "getattr read write" ] || got+="$slot: no such tenant ($may); "
    none "${from}blk_t:$own" "system_u:object_r:${to}image_t:$own" file
    none "${from}vmm_t:$own" "system_u:object_r:${to}ram_t:$own" file
    none "${from}vmm_t:$own" "system_u:system_r:${to}blk_t:$own" unix_stream_socket
    none "${from}net_t:$own" "system_u:system_r:${to}vmm_t:$own" fd
done
nothing_more
is "$got" "" "the 64 slots are there, and none reaches the next"
may "system_u:system_r:casemate_tenant_0064.vmm_t:$own" "$launcher" process
is "$may" "(unknown context)" "and there are no more"

# -- what the host policy shares between tenants: read by every guest's disk process, and nothing else by anybody confined
declare -A share=([blk/file]="getattr read" [blk/blk_file]="getattr ioctl read")
wrong=''
for kind in "${confined[@]}"; do
    for class in file blk_file dir lnk_file; do
        for from in "$process${kind}_t:$own" "$other${kind}_t:s0:c7,c9"; do
            may "$from" "${object}casemate_shared_t:s0" $class
            [ "$may" = "${share[$kind/$class]:-}" ] || wrong+="$from $class: $may; "
        done
    done
done
is "$wrong" "" "a shared object: read by disk processes of every tenant, written by none"
got=''
none "$front" "${object}casemate_shared_t:s0" file
for from in "$shell" system_u:system_r:init_t:s0 system_u:system_r:testhost_operator_1_t:s0; do
    for class in file blk_file; do none "$from" "${object}casemate_shared_t:s0" $class; done
done
none "${process}blk_t:$own" "${object}casemate_shared_t:s0:c2,c3" file
nothing_more
is "$got" "" "nobody else has it, and with categories no other guest"
may_is $launcher "${object}casemate_shared_t:s0" file "getattr ioctl lock open read relabelfrom relabelto" \
    "casemated_t labels it, and does not write to it"

# -- the other processes of the guest: the sockets and descriptors of their protocol
declare -A sockets=([console/vmm]="getattr read write")
for kind in "${confined[@]}"; do sockets[$kind/$kind]="getattr read write"; done
for kind in blk net rng tpm; do sockets[vmm/$kind]="getattr read write"; done
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
nothing_more
is "$got" "" "categories alone: between guests no process, descriptor, socket, pipe or shared memory"

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
nothing_more
is "$got" "" "of the host: no file, directory, device, network, capability or process"
got=''
for kind in "${confined[@]}"; do
    for class in process unix_stream_socket unix_dgram_socket fifo_file fd; do none "$process${kind}_t:$own" "$shell" $class; done
    for name in user_devpts_t user_tty_device_t console_device_t; do none "$process${kind}_t:$own" "$object$name:s0" chr_file; done
done
for name in user_devpts_t user_tty_device_t; do
    may_is "system_u:system_r:casemate_tenant_0000.console_t:$own" "$object$name:s0" chr_file "getattr read write" "console: a terminal ($name), without open and ioctl"
done
nothing_more
is "$got" "" "the operator's terminal, pipes and descriptors: for the console of casemate run alone"
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
    none "$from" "${guests}image_t:$own" file
    none "$from" "${guests}ram_t:$own" file
    nothing_more
    is "$got" "" "${from%%:s0*} neither becomes nor traces a guest's process, nor opens its disk"
done
for kind in "${confined[@]}"; do
    may_is $launcher "$process${kind}_t:$own" process2 "nnp_transition nosuid_transition" "casemated_t starts $kind with no_new_privs"
    may_is "$process${kind}_t:$own" $launcher process sigchld "$kind: nothing to casemated_t but its end"
    may_is "$process${kind}_t:$own" $launcher unix_stream_socket "" "$kind: no socket of the launcher's own"
done

# -- the front of a client
may_is "$front" $launcher unix_stream_socket "getattr read shutdown write" "front: the sockets that casemated hands it"
may_is "$front" $launcher fd use "front: and its descriptors"
may_is "$front" "$front" unix_stream_socket "getattr read write" "front: makes and connects no socket"
got=''
for kind in vmm blk net rng; do
    for class in process fd unix_stream_socket file; do none "$front" "$process${kind}_t:$own" $class; done
done
for name in image image_ro ram boot config; do none "$front" "${guests}${name}_t:$own" file; done
for name in etc_t tmp_t bin_t casemate_state_t casemate_etc_t casemate_runtime_t casemate_socket_t security_t; do
    for class in file dir lnk_file sock_file; do none "$front" "$object$name:s0" $class; done
done
for class in capability capability2 tcp_socket unix_dgram_socket netlink_audit_socket key; do none "$front" "$front" $class; done
for from in "$shell" system_u:system_r:init_t:s0 "${process}vmm_t:$own"; do
    may "$from" "$front" process
    [[ " $may " != *" transition "* && " $may " != *" dyntransition "* ]] || got+="$from becomes a front; "
done
nothing_more
is "$got" "" "front: nothing of a guest, of the host or of the label store, and only casemated makes one"

# -- requests to casemated (mac/access.h)
vmm=${process}vmm_t:$own
mine="attach attest console detach events kill metrics migrate pause resume show snapshot start stop"
may_is "$shell" "$vmm" casemate_guest "attach attest console create detach events kill metrics migrate pause quarantine resume show snapshot start stop" \
    "an administrator: everything"
for class in casemate_host casemate_audit casemate_policy; do
    may "$shell" $launcher $class
    isnt "$may" "" "an administrator: $class"
done
first=system_u:system_r:testhost_operator_1_t:s0 second=system_u:system_r:testhost_operator_2_t:s0
may_is $first "$vmm" casemate_guest "$mine" "a tenant's operator: its guests"
may_is $second "$vmm" casemate_guest "" "a tenant's operator: not another's"
may_is $second "${vmm/%$own/s0:c7,c9}" casemate_guest "" "whatever the categories"
may_is $first $launcher casemate_host "connect list" "a tenant's operator: may connect and list"
may_is $first $launcher casemate_policy "" "a tenant's operator: not the policy"
may_is $first $launcher casemate_audit "" "a tenant's operator: not the audit trail"
got=''
for from in "$vmm" "$front" system_u:system_r:testhost_nobody_t:s0 system_u:system_r:sshd_t:s0; do
    none "$from" "$vmm" casemate_guest
    none "$from" $launcher casemate_host
    may "$from" $launcher unix_stream_socket
    [[ " $may " != *" connectto "* ]] || got+="$from connects to casemated; "
done
nothing_more
is "$got" "" "nobody else: nothing, and no connection"

# -- labels on disk
while read -r path type; do
    is "$(matchpathcon -n "$path" | cut -d: -f3)" "$type" "$path is $type"
done <<'END'
/usr/bin/casemate casemated_exec_t
/usr/local/bin/casemate casemated_exec_t
/usr/local/sbin/casemated casemated_exec_t
/usr/libexec/casemate/casemate-vmm casemate_exec_t
/usr/libexec/casemate/casemate-front casemate_exec_t
/etc/casemate/host.policy casemate_etc_t
/run/casemate/guards/7 casemate_runtime_t
/usr/local/libexec/casemate/casemate-console casemate_exec_t
/run/casemate casemate_runtime_t
/run/casemate/slots casemate_runtime_t
/var/lib/casemate/labels.db casemate_state_t
/usr/bin/casemate-other bin_t
END
done_testing
