# SPDX-License-Identifier: Apache-2.0
# casemated under test. Sourced by bash in place of guest.sh, which it brings along. On a machine of somebody's own the
# test gets a mount namespace, with places for state that are its alone; the test host is its alone anyway.
#
#     . "$(dirname "$0")/lib/casemated.sh"
#     policy <<CONF
#     host { mac $HOST_MAC; }
#     tenant acme { disk "$srv/acme/**"; ... }
#     CONF
#     start_casemated || diag "$(cat "$log")"
#     ...
#     stop_casemated
#
# These functions alone know where casemated finds its policy, and in which form: an image, compiled from the text, which
# stays in $SOURCE.

if [ -z "${CASEMATE_TESTHOST:-}" ] && [ -z "${CASEMATED_NAMESPACE:-}" ] && [ "$(id -u)" = 0 ] && unshare --mount true 2>/dev/null; then
    exec env CASEMATED_NAMESPACE=1 unshare --mount "$BASH" "$0" "$@"
fi
. "$(dirname "${BASH_SOURCE[0]}")/guest.sh"

[ "$(id -u)" = 0 ] || skip_all "needs root"
in_test_host || [ -n "${CASEMATED_NAMESPACE:-}" ] || skip_all "needs a mount namespace of its own"
DAEMON=$(dirname "$CASEMATE")/casemated
[ -x "$DAEMON" ] || skip_all "no casemated"
need_kvm
[ -r "$PAYLOAD" ] || skip_all "no payload: make testhost"

SOCKET=/run/casemate/org.casemate.Host
SOURCE=$scratch/host.policy IMAGE=$scratch/policy/host.image
HOST_MAC=selinux
[ ${#MAC[@]} -eq 0 ] || HOST_MAC=landlock
srv=/srv/casemate-$(basename "$0" .t)-$$ # where a host keeps its guests' files
log=$scratch/casemated.log daemon=''

mkdir -m 755 "$srv"
at_exit rm -rf "$srv"
if in_test_host; then
    install -d -m 700 /var/lib/casemate
    at_exit rm -rf /var/lib/casemate
    IMAGE=/var/lib/casemate/policy/host.image
else
    for place in /run/casemate /var/lib/casemate; do
        mkdir -p "$place" && mount -t tmpfs -o mode=0755 tmpfs "$place" || skip_all "no tmpfs over $place"
    done
fi

# policy <TEXT: what casemated takes when it starts, and when it is asked to take a new one
policy() {
    cat >"$SOURCE"
    ! in_test_host || restorecon -R /var/lib/casemate "$srv"
    put_policy "$SOURCE" "$IMAGE" || diag "the policy does not compile"
}

# Through a pipe: casemated may not write to just any file. Guards keep it open, so it ends by itself.
keep_log() {
    trap - EXIT
    exec cat >>"$log"
}

# start_casemated [PROGRAM]: true once it answers; its process is $daemon
start_casemated() {
    "${1:-$DAEMON}" --policy "$IMAGE" "${MAC[@]}" </dev/null > >(keep_log) 2>&1 &
    daemon=$!
    wait_for 60 casemated_answers
}
casemated_answers() { "$CASEMATE" info; }

# stop_casemated: its exit status
stop_casemated() {
    kill -TERM "$daemon"
    wait "$daemon"
}
kill_casemated() { [ -n "$daemon" ] && kill -KILL "$daemon" && ! wait "$daemon"; } 2>/dev/null
at_exit kill_casemated
