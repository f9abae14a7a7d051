#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The processes of a running guest, looked at from outside and without any help of the launcher's; then a worker that
# does one thing wrong, which the start gate or the guard has to notice.
. "$(dirname "$0")/lib/guest.sh"
RUN_MORE=(--on-permissive alarm)
need_kvm
remember

with_selinux() { [ ${#MAC[@]} -eq 0 ]; }

tap=casemate-live
ip tuntap add dev "$tap" mode tap && ip link set "$tap" up || skip_all "no tap device to be had"
at_exit ip link del "$tap"
image=$(disk conf.img)
before=$(label "$image")
payload live halt --disk "$image" --net "tap=$tap" --rng --cpus 2 --name confined --show-confinement
await_event live running || account live
wait_for 10 console_has live PAYLOAD-OK

# read_status PID: into `status`, the distinct values that its threads have, each followed by a space; `threads` counts
declare -A status=()
read_status() {
    local file key value values
    status=([Groups]='') threads=0
    for file in "/proc/$1/task"/*/status; do
        while IFS=$':\t' read -r key values; do
            case $key in
            Name) [[ $values == kvm-nx-lpage* ]] || threads=$((threads + 1)) ;;
            Uid | Gid | Groups | NoNewPrivs | Seccomp | Cap*)
                value="${values//$'\t'/ }"
                value="${value% }${value:+ }"
                [ "$value" != " " ] || value=''
                [ "${status[$key]:-}" = "$value" ] || status[$key]="${status[$key]:-}$value"
                ;;
            esac
        done <"$file"
    done
}
row() { stderr live | awk -v name="$1" '$1 ~ "^" name "[0-9]*$"'; }

is "$(processes live | cut -d' ' -f1 | sort | paste -sd' ')" "blk console net rng vmm" "one process for the VMM, each device and the console"

# -- who they are
while read -r kind _ pid; do
    saw=$(confinement live "$kind")
    read_status "$pid"
    want=$(field "$saw" uid)
    is "${status[Uid]}/${status[Gid]}" "$want $want $want $want /$want $want $want $want " "$kind: uid and gid of every thread are $want"
    ok "$kind: which is a guest's" test "${want:-0}" -ge "$SLOT_UIDS"
    is "${status[CapInh]}${status[CapPrm]}${status[CapEff]}${status[CapBnd]}${status[CapAmb]}" \
        "0000000000000000 0000000000000000 0000000000000000 0000000000000000 0000000000000000 " "$kind: no capability in any of five sets"
    is "${status[NoNewPrivs]}" "1 " "$kind: no_new_privs on every thread"
    is "${status[Seccomp]}" "2 " "$kind: filtered on every thread"
    is "${status[Groups]}" "" "$kind: no supplementary group"
    # Newer kernels add a thread of KVM's own to a VMM once it runs; it never leaves the kernel.
    is "$threads" "$(field "$saw" threads)" "$kind: as many threads as the gate says"
    for space in mnt pid net ipc uts; do
        ok "$kind: a $space namespace of its own" test ! "/proc/$pid/ns/$space" -ef "/proc/self/ns/$space"
    done
    is "$(ls -A "/proc/$pid/root/" 2>&1)" "" "$kind: its root is empty"
    like "$(cat "/proc/$pid/mounts")" '^[^ ]+ / tmpfs ro,' "$kind: and read-only"
    is "$(wc -l <"/proc/$pid/mounts")" 1 "$kind: nothing else is mounted"
    is "$(ls "/proc/$pid/fd" | wc -l)" "$(field "$saw" descriptors)" "$kind: as many descriptors as the gate says"
    links=$(find "/proc/$pid/fd" -type l -printf '%l\n' 2>/dev/null | sed -E 's/:\[[0-9]+\]//; s/^\/memfd:([a-z-]+).*/memfd:\1/; s/^anon_inode:kvm-vcpu:.*/vcpu/' | sort -u | paste -sd' ')
    case $kind in
    vmm) allowed='/dev/null|socket|memfd:guest-ram|memfd:inflight|anon_inode:kvm-vm|vcpu|anon_inode:\[eventfd\]' ;;
    blk) allowed="/dev/null|socket|memfd:guest-ram|memfd:inflight|anon_inode:\[eventfd\]|$image" ;;
    net) allowed='/dev/null|socket|memfd:guest-ram|anon_inode:\[eventfd\]|/dev/net/tun' ;;
    rng) allowed='/dev/null|socket|memfd:guest-ram|anon_inode:\[eventfd\]' ;;
    console) allowed='/dev/null|socket|pipe' ;;
    esac
    is "$(tr ' ' '\n' <<<"$links" | grep -vxE "$allowed" | paste -sd' ')" "" "$kind: no descriptor but those of its work ($links)"
    like "$(cat "/proc/$pid/cgroup")" "/casemate/confined\.[0-9]+/$(field "$saw" cgroup)\$" "$kind: its own cgroup"
    is "$(sha256sum <"/proc/$pid/exe" | cut -d' ' -f1)" "$(field "$saw" program_sha256)" "$kind: executes the program that was hashed"
    is "$(sha256sum <"$PROGRAMS/casemate-$kind" | cut -d' ' -f1)" "$(field "$saw" program_sha256)" "$kind: which is the installed one"
    is "$(awk '{ print $1, $2, $3 }' <<<"$(row "$kind")" | cut -d' ' -f2,3)" "$pid $want" "$kind: the table says the same"
    like "$(grep 'Max core file size' "/proc/$pid/limits")" ' 0 +0 ' "$kind: no core dump"
    if with_selinux; then
        context=$(tr -d '\0' <"/proc/$pid/attr/current")
        # What the store drew: two categories, the same for all of the guest.
        categories=${categories:-${context##*:}}
        like "$context" "^system_u:system_r:casemate_tenant_0000\.${kind}_t:s0:c[0-9]+,c[0-9]+\$" "$kind: its context"
        is "${context##*:}" "$categories" "$kind: with the guest's categories"
        is "$context/$(ps -o label= -p "$pid")" "$(field "$saw" context)/$context" "$kind: as the gate saw it, and as ps does"
        is "$(awk '{ print $NF }' <<<"$(row "$kind")")" "$context" "$kind: the table shows it"
    fi
done < <(processes live)

is "$(processes live | while read -r _ _ pid; do awk '/^Uid:/ { print $2 }' "/proc/$pid/status"; done | sort | uniq -d)" "" \
    "no two processes share a uid"

# -- what they can call: the filters of the live processes, read back and followed by a program of our own
#    Our SELinux module lets nobody but the launcher look into a guest's processes, the test's own domain included: so
#    the look is taken while SELinux is permissive for a moment.
with_selinux && ok "SELinux keeps even the test from looking" bash -c "! '$TOOLS/filters' $(pid_of live rng)"
permissive() { # COMMAND...
    local status
    ! with_selinux || setenforce 0
    "$@"
    status=$?
    ! with_selinux || setenforce 1
    return $status
}
all=$(permissive "$TOOLS/filters" $$ $(processes live | cut -d' ' -f3) 2>&1)
filters() { grep "^$(pid_of live "$1") " <<<"$all"; }
number() { sed -nE "s/.* $2=([^ ]*) .*/\1/p" <<<"$1"; }
for limit in vmm:20 blk:14 net:12 rng:12 console:12; do
    kind=${limit%:*} limit=${limit#*:}
    seen=$(filters "$kind")
    ok "$kind: $(number "$seen" calls) distinct system calls, at most $limit may be" test "$(number "$seen" calls)" -le "$limit"
    is "$(number "$seen" calls)" "$(field "$(confinement live "$kind")" syscalls)" "$kind: as the gate counted"
    is "$(number "$seen" forbidden)" none "$kind: no open, socket, connect, exec, clone, ptrace, bpf, io_uring"
    is "$(number "$seen" foreign)" 0 "$kind: nothing through the i386 and x32 entries"
    is "$(number "$seen" threads)" "$(ls "/proc/$(pid_of live "$kind")/task" | wc -l)" "$kind: all threads were asked"
    diag "${seen:-$all}"
done
is "$(number "$(grep "^$$ " <<<"$all")" forbidden | tr , '\n' | grep -cx -e openat -e ptrace)" 2 \
    "the counting program sees that an unconfined process may do all"

# -- Landlock shows no file in /proc; a descendant of a restricted process cannot mount, nor can it look outside
like "$(stderr live)" 'under Landlock ABI [1-9]' "Landlock is on"
# -- limits of the cgroup
group=$(find /sys/fs/cgroup -type d -path '*casemate/confined.*' -prune -printf '%p\n' | head -n 1)
if [ -e "$group/memory.max" ]; then
    at_most() { ok "$3" test "$1" -le "$2"; }
    at_most "$(cat "$group/memory.max")" $(((32 + 128) * 1048576)) "the guest's memory is limited"
    at_most "$(cat "$group/pids.max")" 256 "and its threads"
    isnt "$(cut -d' ' -f1 "$group/cpu.max")" max "and its time"
else
    skip "no cgroup v2 with a memory controller here" 3
fi

force live
is "$CODE" 0 "the guest is ended"
is "$(label "$image")" "$before" "the image has its label back"

# -- programs that are not what they should be. The launcher takes those beside it: so it lies in a directory of ours.
bin=$scratch/bin
renew() {
    rm -rf "$bin"
    mkdir -m 755 "$bin"
    chmod 755 "$scratch"
    cp --preserve=mode,context "$CASEMATE" "$PROGRAMS"/casemate-* "$bin/" 2>/dev/null || cp --preserve=mode "$CASEMATE" "$PROGRAMS"/casemate-* "$bin/"
}
refuses() { # NAME CODE REGEX TEST-NAME [OPTION]...
    local name=$1 code=$2 regex=$3 what=$4
    shift 4
    CASEMATE=$bin/casemate payload "$name" off --rng --name "$name" "$@"
    finish "$name" 20
    expect_error "$name" "$code" "$regex" "$what"
    ok "$what: the guest did not run" test "$(console "$name" | grep -c PAYLOAD)" = 0
}
renew
CASEMATE=$bin/casemate run_payload copied off --rng
expect copied 0 CASEMATE-PAYLOAD-OK "programs in another directory serve as well"
chown 1000 "$bin/casemate-rng"
refuses owner 1 "casemate-rng' is not a file that only root can write" "a program that is not root's"
renew
chmod g+w "$bin/casemate-vmm"
refuses group 1 "casemate-vmm' is not a file that only root can write" "a program that a group can write"
renew
chmod o+w "$bin/casemate-console"
refuses world 1 "casemate-console' is not a file that only root can write" "a program that everybody can write"
renew
: >"$bin/casemate-rng"
refuses empty 3 'cannot start casemate-rng.*executing its program' "a program that is empty"

# -- a worker that has gone wrong, in place of casemate-rng
renew
cat "$TOOLS/standin" >"$bin/casemate-rng"
CASEMATE=$bin/casemate run_payload good off --rng --name good
expect good 0 CASEMATE-PAYLOAD-OK "a stand-in that does nothing wrong serves"
gate='the start gate stays shut: casemate-rng'
refuses unfiltered 1 "$gate.* 0 seccomp filters" "a process without its filter"
sampled 5 && refuses other-filter 1 "$gate.*filter 0 is not the one asked for" "a process with another filter"
sampled 5 && refuses two-filters 1 "$gate.* 2 seccomp filters, not 1" "a process with one filter more"
# SELinux lets no worker change its own.
with_selinux || refuses other-limit 1 "$gate.*has the limits 64 and 64 of 'Max open files', not 128" "a process with another limit"
if with_selinux; then
    refuses lone-thread 3 'casemate-rng.*exited with status 9' "a thread without the filter: SELinux lets a worker make none"
else
    refuses lone-thread 1 "$gate.*thread [0-9]+ has 0 seccomp filters" "a thread without the filter"
fi
sampled 5 && refuses extra-descriptor 1 "$gate.*holds descriptor [0-9]+, .*eventfd.*which nobody gave it" "a descriptor that nobody gave"
sampled 5 && refuses keeps-config 1 "$gate.*holds descriptor [0-9]+.*which nobody gave it" "a descriptor that it should have closed"
sampled 5 && refuses other-stdin 1 "$gate.*holds descriptor 0" "another descriptor under a known number"
sampled 5 && refuses exits 3 'casemate-rng.*exited with status 7' "a process that exits"
sampled 5 && refuses dies 3 'casemate-rng.*killed by signal [0-9]+ ' "a process that dies"
sampled 5 && refuses speaks 1 'casemate-rng.*sent its guard something that it may not say' "a message that is not its own"
sampled 5 && refuses mumbles 1 'casemate-rng.*sent its guard something that it may not say' "a message of another size"
# Its second word may be heard before the gate opens or after.
CASEMATE=$bin/casemate payload ready-twice halt --rng --name ready-twice
finish ready-twice 20
expect_error ready-twice 1 'casemate-rng.*sent its guard something that it may not say' "a message that may come once"

# -- a system call that the filter forbids: the kernel kills and records it
forbidden() { # NAME NUMBER
    in_test_host && audit_mark
    refuses "$1" 3 'casemate-rng.*was killed for a system call that its filter forbids' "a worker that $1"
    if in_test_host; then
        record=$(audit_since SECCOMP)
        like "$record" "syscall=$2( |\$)" "the audit record names the call"
        like "$record" "subj=system_u:system_r:casemate_tenant_0000.rng_t:s0:c[0-9]+,c[0-9]+ pid=$(events "$1" | sed -nE 's/.*"event":"process".*"process":"rng".*"pid":([0-9]+).*/\1/p') " \
            "the process and, by its categories, the guest"
    else
        skip "audit records are read in the test host" 2
    fi
    like "$(stderr "$1")" "$1" "the launcher's message names the guest"
}
forbidden opens 257
sampled 5 && forbidden connects 41
sampled 5 && forbidden executes 59
tell_left_out "ways to go wrong"

# -- one that never gets ready can be ended
CASEMATE=$bin/casemate payload mute off --rng --name mute
await_event mute process
kill -TERM "${GUEST_PID[mute]}"
finish mute 15
expect_error mute 3 'before the guest was started' "SIGTERM ends a guest whose worker never gets ready"
rm -rf "$bin"

# -- hosts that lack a layer
if with_selinux; then
    setenforce 0
    run_payload permissive off
    setenforce 1
    expect_error permissive 1 'SELinux is permissive' "SELinux permissive: denied"
    ok "it is enforcing again" selinux_enforcing

    mkdir "$scratch/plain"
    cp "$CASEMATE" "$scratch/plain/casemate"
    chcon -t bin_t "$scratch/plain/casemate" 2>/dev/null
    CASEMATE=$scratch/plain/casemate run_payload domain off
    expect_error domain 1 'not in casemated_t' "a launcher outside casemated_t: denied"

    # Without our module. Its types become invalid, and valid again with the policy that is loaded next.
    if [ -e "$LIVE/bin/bare.policy" ]; then
        load_policy "$LIVE/bin/bare.policy"
        run_payload module off
        load_policy /etc/selinux/default/policy/policy.33
        expect_error module 1 "Casemate's policy module is not loaded" "without our policy module: denied"
        run_payload module off
        expect module 0 PAYLOAD-OK "and with it again: served"
    else
        skip "the policy of a host without our module was not brought along" 2
    fi

    mkdir "$scratch/unlabelled"
    at_exit umount "$scratch/unlabelled"
    unlabelled() { # TEST-NAME MOUNT-OPTION...
        local what=$1
        shift
        if mount "$@" "$scratch/unlabelled"; then
            truncate -s 1M "$scratch/unlabelled/disk.img"
            run_payload unlabelled off --disk "$scratch/unlabelled/disk.img"
            expect_error unlabelled 1 "the disk '.*' cannot be labelled: " "$what: denied"
            umount "$scratch/unlabelled"
        else
            fail "$what: cannot be mounted"
        fi
    }
    # As file systems without attributes are mounted: one label for all, which nobody can change.
    unlabelled "a disk on a file system without labels" -t tmpfs -o "context=$(label "$image")" tmpfs
    unlabelled "a disk on a file system whose labels are not for images" -t ramfs ramfs
else
    MAC=()
    run_payload selinux off
    expect_error selinux 1 'runs without SELinux.*--mac landlock' "without SELinux and --mac landlock: denied"
    run_payload selinux-named off --mac selinux
    expect_error selinux-named 1 'runs without SELinux' "--mac selinux without SELinux: denied"
    MAC=(--mac landlock)
fi

ip link del "$tap"
left_nothing confinement
done_testing
