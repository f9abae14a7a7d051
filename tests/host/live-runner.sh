#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# live-runner.sh TEST...: runs TAP tests one after the other, in the test host or on this machine. Its output is for
# check-live.sh: "@@ begin NAME", the test's output, "@@ end NAME STATUS SECONDS". In the test host, where nobody else is
# at work, it looks after each test for what the test, or the programs under test, left behind; elsewhere each test looks
# for what is ours (tests/live/lib/guest.sh). LIVE_SECONDS (default 1800) is the most that one test may take.
set -u

# Everything that a guest's run could leave: processes, mounts, cgroups, network devices, sockets and locks in /run.
traces() {
    [ -n "${CASEMATE_TESTHOST:-}" ] || return 0
    # Kernel threads are children of 2 and come and go by themselves; $$ and its children are this runner (this
    # function must not start others to find out).
    local stat pid parent name
    for stat in /proc/[0-9]*/stat; do
        read -r stat <"$stat" 2>/dev/null || continue
        pid=${stat%% *} name=${stat#*(} name=${name%)*} parent=${stat##*) ? } parent=${parent%% *}
        [ "$parent" = 2 ] || [ "$parent" = $$ ] || [ "$pid" = 2 ] || echo "process $pid $name"
    done
    sed 's/^/mount /' /proc/self/mounts
    find /sys/fs/cgroup -mindepth 1 -type d -printf 'cgroup %p\n' 2>/dev/null
    find /sys/class/net -mindepth 1 -printf 'network device %f\n'
    # What stays by design: the directory of stations, and the table of mount(8).
    find /run /dev/shm /tmp -xdev -mindepth 1 ! -path /run/casemate ! -path /run/casemate/guards ! -path '/run/mount*' \
        -printf 'file %p\n' 2>/dev/null
}

before=$(mktemp) after=$(mktemp)
for test in "$@"; do
    name=$(basename "$test" .t)
    traces | LC_ALL=C sort >"$before"
    manager=$([ ! -d /run/systemd/system ] || echo systemd)
    start=$(date +%s%N)
    echo "@@ begin $name"
    timeout -k 5 "${LIVE_SECONDS:-1800}" bash "$test" </dev/null 2>&1
    status=$?
    traces | LC_ALL=C sort >"$after"
    left=$(comm -13 "$before" "$after" | grep -v -F -e "$before" -e "$after")
    # systemd came and stays, with all that a host of its has. Such a test looks by itself for what is ours.
    [ -z "$manager" ] && [ -d /run/systemd/system ] && left=''
    if [ -n "$left" ]; then
        echo "not ok - $name left nothing behind"
        sed 's/^/# left: /' <<<"$left"
    fi
    echo "@@ end $name $status $(($(date +%s%N) - start))"
done
rm -f "$before" "$after"
