#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The test host itself: is it what the live tests take it for?
. "$(dirname "$0")/lib/tap.sh"
in_test_host || skip_all "this is not the test host"
plan 21

# perl_ioctl FILE REQUEST: what an ioctl without an argument returns
perl_ioctl() { perl -e 'open(my $f, "+<", $ARGV[0]) or die; print ioctl($f, hex $ARGV[1], 0) // die' "$@"; }

is "$(getenforce)" Enforcing "SELinux enforces"
is "$(id -Z)" system_u:system_r:casemate_test_t:s0 "tests run in their own domain at s0"
is "$(tr -d '\0' </proc/1/attr/current)" system_u:system_r:init_t:s0 "PID 1 is init_t"
is "$(grep -c '^type=AVC' "$AUDIT_LOG")" 0 "no denial since the policy was loaded"
is "$(restorecon -n -v -R /dev /run /tmp /etc /root /srv 2>&1 | grep 'Would relabel')" "" "every file has its label"
is "$(ls -Z /dev/kvm | cut -d' ' -f1)" system_u:object_r:kvm_device_t:s0 "/dev/kvm has its label"
like "$(cat /sys/kernel/security/lsm)" landlock "Landlock is active"
like "$(cat /sys/kernel/security/lsm)" selinux "SELinux is active"
is "$(perl_ioctl /dev/kvm 0xae00)" 12 "/dev/kvm answers KVM_GET_API_VERSION"
like "$(perl_ioctl /dev/kvm 0xae01)" '^[0-9]+$' "and makes a virtual machine"
is "$(cat /sys/module/kvm_amd/parameters/nested)" 1 "KVM's module is there"
ok "/dev/net/tun makes a tap device" ip tuntap add live0 mode tap
ip link del live0
is "$(cat /sys/fs/cgroup/cgroup.subtree_control | tr ' ' '\n' | sort | tr '\n' ' ')" \
    "cpu cpuset hugetlb io memory pids " "cgroup v2 gives its controllers"
ok "a TPM answers" tpm2_getrandom -T device:/dev/tpmrm0 --hex 8
like "$(tpm2_getcap -T device:/dev/tpmrm0 pcrs)" sha256 "the TPM has a SHA-256 bank"
like "$(ip link show lo)" UP "lo is up"

audit_mark
runcon system_u:system_r:ping_t:s0 /bin/true </dev/null >/dev/null 2>&1
like "$(audit_since AVC)" 'denied  \{ entrypoint \}.*ping_t' "a denial is enforced and recorded"
audit_mark
is "$(audit_since AVC)" "" "and only that one"
run bash -c 'echo out; echo err >&2; exit 42'
is "$status/$out/$err" 42/out/err "exit code and streams of a command"
exits 127 "a command that does not exist" /bin/bash -c nonexistent-command
ok "nested guests' parts came whole" sh -c 'cd "$CASEMATE_GUEST" && grep -v root.ext4 sha256sums | sha256sum -c --quiet'
