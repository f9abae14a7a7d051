#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Faults of the host at the steps of a start and of an end: full and read-only file systems, no processes, no memory, no
# cgroup, leftovers in the way. Each gives an error that names its cause, and leaves nothing that the next start minds.
# Descriptors that run out are in guard.t.
#
# With places for state that are this test's alone.
if [ -z "${CASEMATED_NAMESPACE:-}" ] && [ "$(id -u)" = 0 ] && unshare --mount true 2>/dev/null; then
    CASEMATED_NAMESPACE=$$ unshare --mount "$BASH" "$0" "$@"
    code=$?
    # In there these directories are roots, which nobody can remove.
    for group in /sys/fs/cgroup/faults-$$ /sys/fs/cgroup/*/faults-$$; do [ ! -d "$group" ] || rmdir "$group"; done
    exit $code
fi
. "$(dirname "$0")/lib/casemated.sh"
[ -n "${CASEMATED_NAMESPACE:-}" ] || skip_all "needs a mount namespace of its own"
STORE=/var/lib/casemate RUN=/run/casemate

# The context that the policy gives a place, on a file system which may hold the policy's types.
contexts() { [ ${#MAC[@]} -gt 0 ] || echo ",fscontext=system_u:object_r:fs_t:s0,rootcontext=$(matchpathcon -n "$1")"; }
own_place() { # PATH SIZE
    mkdir -p "$1"
    mount -t tmpfs -o "mode=0755,size=$2$(contexts "$1")" tmpfs "$1"
}
own_place $STORE 4m || skip_all "no tmpfs over $STORE"
own_place $RUN 1m || skip_all "no tmpfs over $RUN"

# A subtree of each cgroup hierarchy takes its root's place, so that limits are ours and no other guest's. Nothing is
# written to a group that is not ours: false before that if any step fails.
GROUP=faults-$CASEMATED_NAMESPACE
declare -A GROUPS_OF=() # controller: our group
own_cgroups() {
    local type where rest place=$scratch/cgroup
    mkdir "$place"
    while read -r _ where type rest; do
        case $type in cgroup | cgroup2) ;; *) continue ;; esac
        mkdir "$where/$GROUP" 2>/dev/null || continue
        [ "$type" = cgroup ] || echo "+memory +pids" >"$where/cgroup.subtree_control" 2>/dev/null
        mount --bind "$where/$GROUP" "$place" && umount -l "$where" && mount --move "$place" "$where" || return 1
        [ ! -d "$where/$GROUP" ] && [ ! -d "$where/casemate" ] || return 1
        [ ! -e "$where/pids.max" ] || GROUPS_OF[pids]=$where
        [ ! -e "$where/memory.limit_in_bytes" ] && [ ! -e "$where/memory.max" ] || GROUPS_OF[memory]=$where
    done < <(tac /proc/self/mounts)
    [ -n "${GROUPS_OF[pids]:-}" ] && [ -n "${GROUPS_OF[memory]:-}" ]
}
grouped=''
own_cgroups && grouped=1

image=$scratch/disk.img
truncate -s 1M "$image"
look() { echo "$(label "$1") $(stat -c '%u:%g %a' "$1") $(getfattr --absolute-names --only-values -n user.casemate.holder "$1" 2>/dev/null)"; }
before=$(look "$image")
remember

# What is left of a guest of ours: others of this machine may have guests, too, so only what is in our groups, places
# and mount namespace counts.
ours() {
    local pid own
    if [ -z "$grouped" ]; then
        left
        return
    fi
    own=$(readlink /proc/self/ns/mnt)
    for pid in $(pgrep '^casemate'); do
        [ "$(readlink "/proc/$pid/ns/mnt")" != "$own" ] || echo "process $pid"
    done
    find "${GROUPS_OF[@]}" -mindepth 1 -type d
    find $RUN -mindepth 1 ! -path $RUN/guards
    awk -v places=":$(stat -c %i $STORE/guests.lock)\$" -v device="$(printf '%02x:%02x' $(stat -c '%Hd %Ld' $STORE/guests.lock))" \
        '$2 == "OFDLCK" && $6 ~ places && index($6, device) == 1' /proc/locks
}

# What the store and the scan have to say after all is mended: nothing.
mess() {
    "$CASEMATE" label list 2>&1
    "$CASEMATE" label scan "$scratch" 2>&1 | grep -E '^(drift|orphan|missing|replaced|changed|failed|unreadable) '
    [ "$(look "$image")" = "$before" ] || look "$image"
    ours
}
tidy() { [ -z "$(mess)" ]; }
clean() { # TEST-NAME
    if wait_for 10 tidy; then pass "$1: clean"; else fail "$1: clean"; diag "$(mess)"; fi
}
# refused REGEX TEST-NAME [OPTION]...: a start that ends with 3 and an error that matches
refused() {
    local regex=$1 name=$2
    shift 2
    run_payload refused off --disk "$image" "$@"
    expect_error refused 3 "$regex" "$name"
}
guest() { # begin NAME: one that runs until it is ended
    payload "$1" halt --off-timeout 0 --disk "${2:-$image}"
    await_event "$1" running
}
end() {
    kill -TERM "${GUEST_PID[$1]}"
    finish "$1"
}

run_payload base off --disk "$image" --rng
expect base 0 CASEMATE-PAYLOAD-OK "without a fault a guest runs here"
clean "a guest without a fault"

# -- the label store's file system is full, with ever more left
FULL='database or disk is full|No space left on device'
fill() { # KIB that stay free
    rm -f $STORE/filling
    local free
    free=$(df -k --output=avail $STORE | tail -n 1)
    fallocate -l "$((free - $1))K" $STORE/filling
}
fill 0
refused "label store.*($FULL)" "a full label store is named"
if [ ${#MAC[@]} -eq 0 ]; then steps=$(seq 4 4 96); else steps=$(seq 4 4 48); fi
wrong=0 failed=0
for free in $steps; do
    sampled 6 || continue
    fill "$free"
    run_payload full off --disk "$image"
    rm -f $STORE/filling
    case $CODE in
    0) stderr full | grep -qE "$FULL" && wrong=$((wrong + 1)) && diag "$free KiB: it ends with 0 and complains" ;;
    3) failed=$((failed + 1)) && stderr full | grep -qE "$FULL" || { wrong=$((wrong + 1)); account full; } ;;
    *) wrong=$((wrong + 1)) && account full ;;
    esac
done
is "$wrong" 0 "so is one that gets full at any step"
rm -f $STORE/filling
run_payload next off --disk "$image"
expect next 0 CASEMATE-PAYLOAD-OK "and with space again the next guest starts"
clean "the label store full"
own_place $STORE 16k
refused "label store.*($FULL)" "so is one that there is no room for at all"
umount $STORE

guest full
fill 0
end full
expect_error full 3 "cannot give back what guest.*($FULL)" "a store that is full at the end is named"
ok "and knows of the guest" grep -q . <("$CASEMATE" label list)
rm -f $STORE/filling
run_payload next off --disk "$image"
expect next 0 CASEMATE-PAYLOAD-OK "the next guest starts, after what was left is given back"
clean "the label store full at an end"

# -- read-only
mount -o remount,ro $STORE
refused 'label store.*Read-only file system' "a read-only label store"
mount -o remount,rw $STORE
mount -o remount,ro $RUN
refused "$RUN/guards.*Read-only file system" "a read-only $RUN"
mount -o remount,rw $RUN
clean "read-only places"

# -- leftovers in the way: of stations, and of the store
mkdir -p $RUN/guards
for ((i = 1; i <= 60; i++)); do : >"$RUN/guards/$i"; done
run_payload stale off --disk "$image"
expect stale 0 CASEMATE-PAYLOAD-OK "a stale file where the station is to be goes"
rm -rf $RUN/guards
ln -s /srv $RUN/guards
refused "$RUN/guards/.*Not a directory" "a link where the stations are to be"
rm $RUN/guards
mkdir -m 755 $RUN/guards
chmod 777 $RUN/guards
refused "$RUN/guards/.*must be root's alone" "a directory of stations that others may write to"
rm -rf $RUN/guards
mv $STORE/guests.lock $STORE/guests.lock.away
: >$STORE/guests.lock
chmod 600 $STORE/guests.lock
refused "guests.lock' was replaced" "another file of places"
mv $STORE/guests.lock.away $STORE/guests.lock
clean "leftovers"

# -- the image's file system turns read-only before the end, as by an error of its disk
modprobe -q loop 2>/dev/null
small=$scratch/small mounted=''
mkdir "$small"
truncate -s 8M "$scratch/fs"
mkfs.ext4 -q -F -I 128 -O ^has_journal,^ea_inode "$scratch/fs" >/dev/null 2>&1 && mount -o loop "$scratch/fs" "$small" 2>/dev/null &&
    mounted=1 && at_exit umount "$small"
if [ -n "$mounted" ]; then
    [ ${#MAC[@]} -gt 0 ] || chcon -t tmp_t "$small" # what lies there inherits it
    truncate -s 1M "$small/disk.img"
    was=$(look "$small/disk.img")
    guest ro "$small/disk.img"
    mount -o remount,abort "$small" 2>/dev/null
    if touch "$small/probe" 2>/dev/null; then
        end ro
        skip "an aborted ext4 stays writable here" 2
    else
        end ro
        if [ ${#MAC[@]} -eq 0 ]; then
            expect_error ro 3 "cannot give the disk.*(Read-only file system|Input/output error)" "an image that became read-only is named"
        else
            is "$CODE" 0 "an image that became read-only, where it has no label, does not matter"
        fi
    fi
else
    skip "no loop device, so no file system to break" 2
fi
if [ -n "$mounted" ]; then
    # What the operator does about it.
    umount "$small" && e2fsck -p "$scratch/fs" >/dev/null
    mount -o loop "$scratch/fs" "$small"
    "$CASEMATE" label restore >/dev/null 2>&1
    run_payload mended off --disk "$small/disk.img"
    expect mended 0 CASEMATE-PAYLOAD-OK "checked and mounted again, the next guest has the image"
    is "$(look "$small/disk.img")" "$was" "which is as it was before the first one"
    # No room for an attribute: in an inode of this size there is none, the block with its label is the others' too, and all
    # blocks are taken.
    if [ ${#MAC[@]} -eq 0 ]; then
        dd if=/dev/zero of="$small/filling" bs=64k 2>/dev/null
        dd if=/dev/zero of="$small/rest" bs=1k 2>/dev/null
        was=$(look "$small/disk.img")
        run_payload attribute off --disk "$small/disk.img"
        if [ "$CODE" = 0 ]; then
            skip "this file system had room for the label"
        else
            expect_error attribute "$CODE" "disk.img' .*(No space left|full|room|space)" "no space for the label"
        fi
        is "$(look "$small/disk.img")" "$was" "and the image is as it was"
        # The same with space on the file system: the one block that an inode's attributes may have is full of others.
        rm -f "$small/filling" "$small/rest" "$small/disk.img"
        truncate -s 1M "$small/disk.img"
        for size in 2048 512 128 32 8 1; do
            for ((n = 0; n < 16; n++)); do
                setfattr -n "user.f$size-$n" -v "$(printf "%${size}s" | tr ' ' x)" "$small/disk.img" 2>/dev/null || break
            done
        done
        was=$(look "$small/disk.img")
        run_payload attributes off --disk "$small/disk.img"
        expect_error attributes "$CODE" "disk.img' .*(No space left|full|room|space)" "no space among an image's attributes for the label"
        is "$(look "$small/disk.img")" "$was" "and the image is as it was"
    else
        skip "without SELinux there is no label to store" 4
    fi
    umount "$small"
else
    skip "no loop device, so no file system to break" 6
fi
clean "the images' file system"

# -- cgroups
if [ -n "$grouped" ]; then
    pids=${GROUPS_OF[pids]} memory=${GROUPS_OF[memory]}
    run_payload groups off --disk "$image"
    expect groups 0 CASEMATE-PAYLOAD-OK "a guest below our group"
    mount --bind "$pids" "$pids" && mount -o remount,ro,bind "$pids"
    refused 'cannot make the cgroup.*Read-only file system' "cgroups that are read-only"
    umount "$pids"
    clean "no cgroup to be had"

    # No process, or no thread, more: at each of them.
    : >"$scratch/pids"
    wrong=0
    for limit in 0 1 2 3 4 5 6 8; do
        sampled 3 || continue
        echo "$limit" >"$pids/pids.max"
        payload few off --rng --disk "$image"
        finish few 30
        echo max >"$pids/pids.max"
        echo "$limit $CODE" >>"$scratch/pids"
        case $CODE in
        0) ;;
        3) stderr few | grep -q 'Resource temporarily unavailable' || { wrong=$((wrong + 1)); diag "$limit processes:"; account few; } ;;
        *) wrong=$((wrong + 1)) && diag "$limit processes:" && account few ;;
        esac
        tidy || { wrong=$((wrong + 1)); diag "$limit processes: $(mess)"; }
    done
    is "$wrong" 0 "processes that run out, at any number, are an error"
    isnt "$(grep -c ' 3$' "$scratch/pids")" 0 "and they did"
    tell_left_out cases

    # No memory for the guest's RAM.
    limit_memory() {
        if [ -e "$memory/memory.max" ]; then
            echo "$1" >"$memory/memory.max" && { echo 0 >"$memory/memory.swap.max"; } 2>/dev/null
        else
            echo "$1" >"$memory/memory.limit_in_bytes"
        fi
    }
    [ ! -e "$memory/memory.use_hierarchy" ] || { echo 1 >"$memory/memory.use_hierarchy"; } 2>/dev/null
    limit_memory 1M
    run_payload starved spin --disk "$image" --off-timeout 0
    expect_error starved 3 "ran out of memory|Cannot allocate memory" "memory that runs out is named"
    limit_memory -1 2>/dev/null || limit_memory max
    clean "no memory"
else
    skip "no cgroups of our own to be had" 8
fi

# -- casemated: the store full when a guest is defined, and images that have a user
# A store of its own: one whose log has been written back needs no new space, and starts guests for long.
own_place $STORE 4m
host() { run "$CASEMATE" "$@"; }
chmod 755 "$scratch"
mkdir -m 755 "$srv/acme" "$srv/initech"
truncate -s 1M "$srv/acme/disk.img" "$srv/initech/disk.img"
source_with() { # DISKS-OF-INITECH DISK-OF-ITS-GUEST
    local guest="memory 32M; kernel \"$PAYLOAD\"; cmdline \"halt\""
    cat <<CONF
host { mac $HOST_MAC; kernel "$(dirname "$PAYLOAD")/**"; }
tenant acme {
    disk "$srv/acme/**";
    guest faulty { $guest; disk "$srv/acme/disk.img"; }
}
tenant initech {
    disk "$1";
    guest third { $guest; disk "$2"; }
}
CONF
}
source_with "$srv/**" "$srv/acme/disk.img" >"$scratch/overlap"
run "$CASEMATE" policy check "$scratch/overlap"
is "$status" 1 "a policy that gives two tenants one image is refused" || diag "$out$err"
like "$err" "overlaps .* of tenant '(acme|initech)'" "and says whose it is"
source_with "$srv/initech/**" "$srv/acme/disk.img" >"$scratch/foreign"
run "$CASEMATE" policy check "$scratch/foreign"
is "$status" 1 "so is a guest with another tenant's image" || diag "$out$err"
like "$err" "acme/disk.img' is outside of tenant 'initech'" "and names it"

source_with "$srv/initech/**" "$srv/initech/disk.img" | policy
before=$(look "$image") was=$(look "$srv/acme/disk.img")
if start_casemated; then pass "casemated serves"; else fail "casemated serves" || diag "$(cat "$log")"; fi
fill 0
host start acme/faulty
isnt "$status" 0 "a guest is not started while the label store is full"
like "$err" "$FULL" "its client is told why"
rm -f $STORE/filling
host start acme/faulty
is "$status" 0 "and starts when there is space" || diag "$err"
run_payload taker off --disk "$srv/acme/disk.img"
expect_error taker 1 "in use by another guest, guest 'faulty' of tenant 'acme'" "casemate run does not get its image, and is told whose it is"
host kill acme/faulty
is "$status" 0 "the guest ends" || diag "$err"
guest holder "$srv/acme/disk.img"
host start acme/faulty
isnt "$status" 0 "nor does the guest get its image from one of casemate run"
like "$err" "in use by another guest, guest 'guest' of tenant 'host'" "and its client is told who has it"
end holder
given_back() { [ "$(look "$srv/acme/disk.img")" = "$was" ]; }
ok "and its image is as it was" wait_for 20 given_back
host list
unlike "$out" "running|lost" "nothing runs, and nothing is lost"
stop_casemated
is "$?" 0 "casemated ends when told to"
idle() { [ -z "$(ours)" ]; }
ok "and nothing of all that is left" wait_for 10 idle || diag "$(ours)"
done_testing
