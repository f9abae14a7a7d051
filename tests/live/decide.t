#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Our decisions under the policy that the kernel has loaded, as /sys/fs/selinux/policy gives it back: the kernel itself and
# libsepol say the same to random questions, before and after booleans are set.
. "$(dirname "$0")/lib/tap.sh"

[ -e /sys/fs/selinux/access ] || skip_all "no kernel with SELinux here: the test host"
tool=${CASEMATE_TOOLS:-$(dirname "$0")/bin}/decide
[ -x "$tool" ] || skip_all "no $tool: make builds it"

run_seconds=300 # an emulated host takes a minute for it
run "$tool" 10000 1
is "$status" 0 "the kernel, libsepol and we say the same to 10,000 questions" || diag "$out$err"
diag "${out##*$'\n'}"

# Booleans that many rules depend on: what is in force changes, and with it the file that the kernel gives.
booleans=/sys/fs/selinux/booleans
before=$(sha256sum </sys/fs/selinux/policy)
changed=()
for name in $(ls $booleans | head -n 40); do
    read -r current pending <"$booleans/$name" || [ -n "$pending" ]
    changed+=("$name $current")
    echo $((1 - current)) >"$booleans/$name"
done
restore() {
    local name state
    for entry in "${changed[@]}"; do
        read -r name state <<<"$entry"
        echo "$state" >"$booleans/$name"
    done
    echo 1 >/sys/fs/selinux/commit_pending_bools
}
at_exit restore
ok "${#changed[@]} booleans are set to the other state" eval 'echo 1 >/sys/fs/selinux/commit_pending_bools'
isnt "$(sha256sum </sys/fs/selinux/policy)" "$before" "the kernel gives another policy than before"
run "$tool" 1000 2
is "$status" 0 "the kernel, libsepol and we say the same to 1,000 questions" || diag "$out$err"
diag "${out##*$'\n'}"
done_testing
