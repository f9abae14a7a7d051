#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# breakout.sh host|machine KIND LAYERS: the acts of tests/hostile by a stand-in for that kind of process behind each of the
# layers (with commas): those of SELinux's in a test host, the others on this machine. Records on stdout, see
# tests/hostile/runner.c.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

place=$1 kind=$2 layers=$3
tools=${CASEMATE_TOOLS:-$TOP_DIR/build/live}

scene() { # DIRECTORY
    local dir=$1
    mkdir -p "$dir"
    chmod 711 "$dir"
    truncate -s 1M "$dir/own.img" "$dir/victim.img"
    chmod 600 "$dir/own.img" "$dir/victim.img"
    mkdir -m 1777 "$dir/shared"
    echo medium >"$dir/shared/medium"
    chmod 666 "$dir/shared/medium"
}

# In the host, in the launcher's own domain: what a layer of SELinux's refuses is refused as in a real start.
inside() { # KIND LAYERS
    set +e
    dir=/var/tmp/breakout
    scene "$dir"
    cp /root/hostile "$dir/standin"
    cp /root/hostile-runner "$dir/launcher"
    chmod 755 "$dir/standin" "$dir/launcher"
    chcon -t casemated_exec_t "$dir/launcher"
    chcon -t casemate_exec_t "$dir/standin"
    mkdir -p /var/lib/casemate/tpm /var/lib/casemate/hosttpm
    : >/var/lib/casemate/hosttpm/ledger
    restorecon -R /var/lib/casemate
    ip tuntap add dev hostile0 mode tap
    # With the last VM the kernel takes KVM off every CPU, and the emulator has lost that interrupt before: one stays.
    perl -e 'open(my $kvm, "+<", "/dev/kvm") or die; ioctl($kvm, 0xae01, 0) or die; sleep' &
    keeper=$!
    "$dir/launcher" run --standin "$dir/standin" --scratch "$dir" --kinds "$1" \
        --layers "$2" </dev/null 2> >(cat >&2) | cat
    status=${PIPESTATUS[0]}
    kill "$keeper"
    exit "$status"
}

if [ "$place" = host ]; then
    "$HOST_DIR/run.sh" --timeout 1800 --files "$tools/hostile:/root/ $tools/hostile-runner:/root/" -- \
        "$(declare -f scene inside); inside $kind $layers"
    exit
fi
tap=breakout$$
dir=$(mktemp -d "${TMPDIR:-/var/tmp}/breakout-XXXXXX")
trap 'ip link del "$tap" 2>/dev/null; rm -rf "$dir"' EXIT
scene "$dir"
ip tuntap add dev "$tap" mode tap
"$tools/hostile-runner" run --standin "$tools/hostile" --scratch "$dir" --tap "$tap" --kinds "$kind" --layers "$layers"
