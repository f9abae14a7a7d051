#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# breakout.sh [--here] KIND: the acts of tests/hostile by a stand-in for that kind of process behind every layer, in the
# test host or (--here, without SELinux's layers) on this machine. Records on stdout, see tests/hostile/runner.c.

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

# In the host: `launcher` in the launcher's own domain, for the layers of SELinux's; `runner` in the test's, which may do
# everything, for the others.
inside() { # KIND
    set +e
    dir=/var/tmp/breakout
    scene "$dir"
    cp /root/hostile "$dir/standin"
    cp /root/hostile-runner "$dir/launcher"
    cp /root/hostile-runner "$dir/runner"
    chmod 755 "$dir/standin" "$dir/launcher" "$dir/runner"
    chcon -t casemated_exec_t "$dir/launcher"
    chcon -t casemate_exec_t "$dir/standin"
    ip tuntap add dev hostile0 mode tap
    status=0
    "$dir/launcher" run --standin "$dir/standin" --scratch "$dir" --kinds "$1" \
        --layers all,selinux,types,categories,neither </dev/null | cat
    [ "${PIPESTATUS[0]}" = 0 ] || status=3
    "$dir/runner" run --standin "$dir/standin" --scratch "$dir" --kinds "$1" --layers seccomp,jail,landlock,none </dev/null | cat
    [ "${PIPESTATUS[0]}" = 0 ] || status=3
    exit "$status"
}

if [ -n "$here" ]; then
    dir=$(mktemp -d "${TMPDIR:-/var/tmp}/breakout-XXXXXX")
    trap 'ip link del hostile0 2>/dev/null; rm -rf "$dir"' EXIT
    scene "$dir"
    ip tuntap add dev hostile0 mode tap
    "$tools/hostile-runner" run --standin "$tools/hostile" --scratch "$dir" --kinds "$1" --layers seccomp,jail,landlock,none
    exit
fi
"$HOST_DIR/run.sh" --timeout 900 --memory 2500 --files "$tools/hostile:/root/ $tools/hostile-runner:/root/" -- \
    "$(declare -f scene inside); inside $1"
