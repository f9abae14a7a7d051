#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# breakout.sh KIND: the acts of tests/hostile by a stand-in for that kind of process behind every layer: those of SELinux's in
# the test host, the others on this machine. breakout.sh --here KIND: the others only. Records on stdout, see
# tests/hostile/runner.c.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

here=''
[ "$1" != --here ] || { here=1; shift; }
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
inside() { # KIND
    set +e
    dir=/var/tmp/breakout
    scene "$dir"
    cp /root/hostile "$dir/standin"
    cp /root/hostile-runner "$dir/launcher"
    chmod 755 "$dir/standin" "$dir/launcher"
    chcon -t casemated_exec_t "$dir/launcher"
    chcon -t casemate_exec_t "$dir/standin"
    ip tuntap add dev hostile0 mode tap
    "$dir/launcher" run --standin "$dir/standin" --scratch "$dir" --kinds "$1" \
        --layers all,selinux,types,categories,neither </dev/null 2> >(cat >&2) | cat
    exit "${PIPESTATUS[0]}"
}

tap=breakout$$
dir=$(mktemp -d "${TMPDIR:-/var/tmp}/breakout-XXXXXX")
trap 'ip link del "$tap" 2>/dev/null; rm -rf "$dir"' EXIT
scene "$dir"
ip tuntap add dev "$tap" mode tap
"$tools/hostile-runner" run --standin "$tools/hostile" --scratch "$dir" --tap "$tap" --kinds "$1" --layers seccomp,jail,landlock,none
[ -n "$here" ] || "$HOST_DIR/run.sh" --timeout 900 --files "$tools/hostile:/root/ $tools/hostile-runner:/root/" -- \
    "$(declare -f scene inside); inside $1"
