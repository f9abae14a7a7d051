#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# demo.sh: the main job, on a machine on which nothing has been prepared. Installs what is missing, builds, and boots
# Debian's unmodified cloud kernel under `casemate run` with a disk, a network card and random numbers: on this machine
# if it enforces SELinux with our module and has a KVM for stock kernels, else in the test host. Exit status 0 when the
# guest did everything and powered off.
set -euo pipefail

bold='' plain=''
if [ -t 1 ]; then bold=$'\033[1m' plain=$'\033[0m'; fi
step() { printf '\n%s==> %s%s\n' "$bold" "$*" "$plain"; }
note() { printf '    %s\n' "$*"; }
die() {
    printf 'demo: %s\n' "$*" >&2
    exit 1
}

# ---------------------------------------------------------------- on the machine that runs the guest

CONSOLE_STEPS='marker cpus root blk net rng'

# The processes as anybody may see them, as soon as the start gate is open.
show_processes() {
    local line pids=''
    while IFS= read -r line; do
        case $line in
        *'"event":"confinement"'*) pids+="${pids:+,}$(sed -E 's/.*"pid":([0-9]+).*/\1/' <<<"$line")" ;;
        *'"event":"running"'*)
            echo
            note "Seen from outside (ps -Z), now that the first vCPU runs:"
            ps -o label:48,uid,pid,nlwp,exe -p "$pids" | sed 's/^/    /'
            echo
            note "The guest's console:"
            ;;
        esac
    done
    : >"$1"
}

boot_guest() { # CASEMATE GUEST-DIRECTORY
    local casemate=$1 parts=$2 work tap=casemate-demo code=0 name
    work=$(mktemp -d /var/tmp/casemate-demo-XXXXXX)
    # shellcheck disable=SC2064
    trap "ip link del $tap 2>/dev/null || true; rm -rf '$work'" EXIT
    cp --sparse=always "$parts/root.ext4" "$work/disk.img"
    ip tuntap add dev "$tap" mode tap
    ip address add 10.77.0.1/24 dev "$tap"
    ip link set "$tap" up

    step "casemate run: Debian's kernel $(file -b "$parts/vmlinuz" 2>/dev/null | sed -nE 's/.*version ([^ ]*).*/\1/p'), 2 vCPUs, a disk, a network card, random numbers"
    note "casemate run --kernel vmlinuz --initrd initrd.img --cpus 2 --memory 256M \\"
    note "    --disk disk.img --net tap=$tap --rng --show-confinement --cmdline '...'"
    note "What the start gate found on every thread of every process, before the first vCPU may run:"
    echo
    "$casemate" run --name demo --kernel "$parts/vmlinuz" --initrd "$parts/initrd.img" --cpus 2 --memory 256M \
        --disk "$work/disk.img" --net "tap=$tap" --rng --no-reboot --show-confinement --events 3 \
        --cmdline "console=ttyS0 quiet panic=-1 casemate.mib=16 casemate.test=${CONSOLE_STEPS// /,}" \
        </dev/null > >(tr -d '\r' | tee "$work/console"; : >"$work/console.end") 2> >(sed 's/^/    /' >&2) \
        3> >(show_processes "$work/events.end") || code=$?
    for _ in $(seq 100); do
        [ -e "$work/console.end" ] && [ -e "$work/events.end" ] && break
        sleep 0.05
    done

    step "The guest has ended; casemate run: exit status $code"
    [ "$code" -eq 0 ] || die "the guest did not power off in order"
    for name in $CONSOLE_STEPS; do
        grep -q "^guest: ok $name" "$work/console" || die "the guest did not do its step '$name'"
    done
    [ -z "$(ps -e -o uid= | awk '$1 >= 2000000000 && $1 < 2147483648')" ] || die "a process of the guest is left"
    note "Debian's kernel booted to its marker, wrote and read its disk, answered on its network, drew random numbers"
    note "and powered off. No process, mount, cgroup or lock of it is left."
}

if [ "${1:-}" = --boot ]; then
    boot_guest "$2" "$3"
    exit
fi

# ---------------------------------------------------------------- from a fresh clone to there

cd "$(dirname "$0")/.."
build=${BUILD:-build}
[ "$(id -u)" -eq 0 ] || die "run as root: it makes network devices, namespaces and a root file system"

step "Packages and build"
tests/host/install-packages.sh
note "building Casemate (some seconds; the first time up to a minute)"
mkdir -p "$build"
"${MAKE:-make}" --no-print-directory -j"$(nproc)" BUILD="$build" all >"$build/demo-build.log" 2>&1 || {
    tail -n 20 "$build/demo-build.log" >&2
    die "the build failed; all of it is in $build/demo-build.log"
}
note "$(find "$build/bin" -type f | wc -l) programs in $build/bin"

# This machine can do it itself where it has all that `casemate run` insists on.
why=''
if [ "$(cat /sys/fs/selinux/enforce 2>/dev/null || true)" != 1 ]; then
    why="this machine does not enforce SELinux"
elif ! [ -x /usr/bin/casemate ] || ! ls -Z /usr/bin/casemate | grep -q casemated_exec_t; then
    why="Casemate and its SELinux module are not installed on this machine (make install)"
elif ! [ -c /dev/kvm ]; then
    why="this machine has no /dev/kvm"
elif [ -d /sys/module/kvm_pvm ]; then
    why="this machine's paravirtual KVM runs no stock kernel"
fi
if [ -z "$why" ]; then
    step "Guest: kernel, initrd and disk are made"
    tests/host/guest/build-guest.sh
    boot_guest /usr/bin/casemate "${CASEMATE_CACHE:-build/testhost}/guest"
    exit
fi

step "Test host: $why"
note "so the demo runs in a Debian host of its own with SELinux enforcing, in QEMU's software emulation"
tests/host/build-image.sh
tests/host/guest/build-guest.sh
cache=${CASEMATE_CACHE:-build/testhost}
files=("tests/demo.sh:/root/" "$cache/guest:/srv/guest" "$build/bin/casemate:/usr/bin/")
for program in "$build"/bin/casemate-*; do files+=("$program:/usr/libexec/casemate/"); done
note "starting it (a few seconds), then the guest in it (some seconds more under emulation)"
tests/host/run.sh --files "${files[*]}" --timeout 600 -- bash /root/demo.sh --boot /usr/bin/casemate /srv/guest
