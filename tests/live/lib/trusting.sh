# SPDX-License-Identifier: Apache-2.0
# What the proof passes over on a host with Debian's policy, and on the minimal base. Sourced by bash.

# The host block of a policy that can be proved.
trusting() {
    cat <<'CONF'
host {
    trusted casemated_t "the launcher";
    trusted casemate_front_t "a process for each client";
    trusted casemate_client_t "an administrator's client";
    trusted unconfined_t "administrators";
    trusted sysadm_t "administrators";
    trusted init_t "the service manager";
    trusted initrc_t "the service manager";
    trusted user_home_t "the log of casemate run";
    trusted user_tmp_t "the log of casemate run";
    stateless kvm_device_t "a VM of its own for each";
    stateless null_device_t "keeps nothing";
    stateless tun_tap_device_t "frames of the host's network";
    stateless console_device_t "the terminal of casemate run";
    stateless user_devpts_t "the terminal of casemate run";
    stateless user_tty_device_t "the terminal of casemate run";
    stateless devpts_t "the terminal of casemate run";
CONF
    if [ -n "${CASEMATE_TESTHOST:-}" ]; then
        echo 'trusted casemate_test_t "whoever runs the tests";'
        for n in 1 2; do echo "trusted testhost_operator_${n}_t \"operators of a tenant\";"; done
    fi
    echo '}'
}
