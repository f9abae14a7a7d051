#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The units of dist/systemd under a real systemd: readiness, the socket, guests that outlive restarts of casemated, entries
# with fields in the journal, registration with systemd-machined. systemd becomes PID 1 of the test host and labels what
# it makes, as on any host; its units are the few that are named here.
. "$(dirname "$0")/lib/guest.sh"
in_test_host || skip_all "systemd becomes PID 1: the test host"
need_kvm
selinux_enforcing || skip_all "SELinux does not enforce"
[ -x /lib/systemd/systemd ] && [ -x /lib/systemd/systemd-machined ] || skip_all "no systemd in this test host"

srv=/srv/casemate-systemd
mkdir -p $srv/acme
cp "$PAYLOAD" $srv/acme/kernel
install -d -m 700 /var/lib/casemate
cat >"$scratch/host.policy" <<CONF
tenant acme {
    guests 2; disk "$srv/acme/**";
    guest web { cpus 1; memory 32M; kernel "$srv/acme/kernel"; cmdline "halt"; }
    guest db { cpus 1; memory 32M; kernel "$srv/acme/kernel"; cmdline "halt"; }
}
CONF
put_policy "$scratch/host.policy" /var/lib/casemate/policy/host.image || diag "the policy does not compile"
cp -a /usr/bin/casemated /usr/sbin/casemated # as it is installed
restorecon -R /var/lib/casemate $srv /usr/sbin/casemated
audit_mark

# -- systemd
units=/run/testhost/units
mkdir -p $units /run/systemd/machines # the latter by tmpfiles.d elsewhere
(
    cd /usr/lib/systemd/system || exit
    cp systemd-journald.service systemd-journald.socket systemd-journald-dev-log.socket dbus.service dbus.socket \
        systemd-machined.service machine.slice shutdown.target umount.target slices.target $units/
    # Their own filters take seconds to make under emulation, and are not what is tested.
    sed -i -E '/^(SystemCall|Restrict|MemoryDeny|LockPersonality)/d' $units/*.service
)
for target in sysinit basic sockets multi-user local-fs network machines; do
    printf '[Unit]\nDefaultDependencies=no\n' >$units/$target.target
done
cp "$LIVE/units/"* $units/
printf '[Unit]\nRequires=systemd-journald.service dbus.socket\nAfter=systemd-journald.service dbus.socket\n' >$units/testhost.target
ln -s systemd-machined.service $units/dbus-org.freedesktop.machine1.service
ln -s dbus.service $units/dbus-org.freedesktop.DBus.service
[ -s /etc/machine-id ] || echo 2c9d1f0a6b5e4d3c8a7b6958473625f1 >/etc/machine-id
restorecon -R /run/systemd /etc/machine-id

control() { timeout 60 systemctl --no-pager "$@" 2>&1; }
# An administrator's shell: what it is told back over D-Bus counts, too.
administrator() { timeout 60 runcon unconfined_u:unconfined_r:unconfined_t:s0-s0:c0.c1023 "$@" 2>&1; }
account_of() { # UNIT...
    diag "$(control status "$@")"
    diag "$(journalctl --no-pager -n 30 -o short-monotonic)"
    diag "$(audit_since AVC | sed 's/.*avc/avc/' | sort | uniq -c | head -n 20)"
}
kill -USR1 1
is_up() { [ "$(control is-active testhost.target)" = active ]; }
if wait_for 90 is_up; then pass "systemd is PID 1, with its journal and D-Bus"; else
    fail "systemd is PID 1, with its journal and D-Bus"
    diag "$(cat /proc/1/comm; dmesg | tail -n 30; control list-jobs)"
    account_of
    done_testing
    exit
fi
is "$(tr -d '\0' </proc/1/attr/current)" system_u:system_r:init_t:s0 "in its domain"
remember

# -- the socket starts casemated
states() { casemate list 2>&1 | awk 'NR > 1 { printf "%s%s/%s=%s", sep, $1, $2, $3; sep = " " }'; }
like "$(control start casemated.socket; control is-active casemated.socket)" '^active$' "systemd listens for casemated"
is "$(stat -c '%C %a' /run/casemate/org.casemate.Host)" "system_u:object_r:casemate_socket_t:s0 666" "at a socket with its label"
is "$(stat -c %C /run/casemate)" system_u:object_r:casemate_runtime_t:s0 "in a directory with its label"
is "$(control is-active casemated.service)" inactive "casemated does not run yet"
is "$(states)" "acme/db=stopped acme/web=stopped" "the first client has it started" || account_of casemated.service
is "$(control is-active casemated.service)" active "and it says when it is ready" || account_of casemated.service
like "$(control show -P StatusText casemated)" '^1 tenants and 2 guests' "and how many guests it knows"
pid=$(control show -P MainPID casemated)
is "$(ps -o label= -p "$pid")" system_u:system_r:casemated_t:s0 "it is in its domain"
is "$(grep CapBnd "/proc/$pid/status" | tr -d '[:space:]')" "CapBnd:00000020292c51ef" "with no more than the unit's capabilities"
is "$(stat -c %C /var/lib/casemate)" system_u:object_r:casemate_state_t:s0 "its state has its label"

# -- a guest as a unit
said=$(control start casemate-guest@acme-web.service)
is "$(control is-active casemate-guest@acme-web)" active "a guest is started by its unit" || {
    diag "$said"
    account_of casemate-guest@acme-web casemated
}
like "$(states)" 'acme/web=running' "it runs"
guard=$(casemate show --json acme/web | grep -o '"guard": *[0-9]*' | grep -o '[0-9]*$')
vmm=$(pgrep -f '^casemate-vmm web$')
isnt "$vmm" "" "with its VMM"
like "$(cat "/proc/$vmm/cgroup")" '^0::/casemate/.*/vmm' "in a cgroup that is not the service's"
limits() { cat "/sys/fs/cgroup$(sed -nE 's/^0::(.*)\/vmm$/\1/p' "/proc/$vmm/cgroup")/"{cgroup.controllers,memory.max,pids.max} 2>&1 | paste -sd' '; }
limits=$(limits)
like "$limits" 'memory.* [0-9]+ [0-9]+$' "with its limits"
registered() { administrator machinectl --no-pager list | grep -q "^$1  *vm  *casemate"; }
if wait_for 60 registered web.acme; then pass "machinectl lists it"; else
    fail "machinectl lists it"
    diag "$(administrator machinectl --no-pager list)"
    account_of systemd-machined casemated
fi
like "$(cat "/proc/$guard/cgroup")" '^0::/machine[.]slice/machine-web[.]acme[.]scope$' "its guard is in a scope of its own"
is "$(administrator machinectl --no-pager show web.acme -p Leader --value)" "$guard" "and the machine's leader"
uuid=$(casemate show --json acme/web | sed -nE 's/.*"uuid": *"([^"]*)".*/\1/p')
is "$(administrator machinectl --no-pager show web.acme -p Id --value)" "${uuid//-/}" "whose id is the guest's uuid"
is "$(ps -e -o label=,comm= | grep -c casemate-machine)" 0 "what told machined of it is gone"

# A guard that ends while machined is asked: its number is another's by then. The pidfd of casemate-machine says so.
sleep 1000 &
other=$!
sleep 1001 &
brief=$!
machined=$(control show -P MainPID systemd-machined)
kill -STOP "$machined"
perl -e 'use POSIX; $p = syscall(434, $ARGV[0] + 0, 0); POSIX::dup2($p, 9); POSIX::dup2(9, 3); POSIX::close(9); shift; exec @ARGV' \
    "$brief" "$PROGRAMS/casemate-machine" late.acme 00112233445566778899aabbccddeeff "$other" &
late=$!
asks() { [[ $(cat "/proc/$late/comm") == casemate-mach* && $(readlink "/proc/$late/fd/"*) == *socket:* ]]; }
ok "a registration is on its way" wait_for 30 asks
kill -KILL "$brief"
{ wait "$brief"; } 2>/dev/null
kill -CONT "$machined"
wait "$late"
is $? 5 "its guard ends meanwhile: said"
ok "and nobody else is registered in its place" eval '! registered late.acme'
ok "nor ended" kill -0 "$other"
kill -KILL "$other"

# -- casemated is restarted, killed, and stopped
same() { [ "$(pgrep -f '^casemate-vmm web$')" = "$vmm" ] && [[ $(states) == *acme/web=running* ]]; }
control restart casemated.service
isnt "$(control show -P MainPID casemated)" "$pid" "casemated is restarted"
ok "the guest is the same" same || account_of casemated casemate-guest@acme-web
is "$(control is-active casemate-guest@acme-web)" active "and so is its unit"
pid=$(control show -P MainPID casemated)
control kill -s KILL --kill-who=main casemated.service
ok "casemated killed, a client waits for the next" same || account_of casemated
isnt "$(control show -P MainPID casemated)" "$pid" "which is another"
control stop casemated.service casemated.socket
is "$(pgrep -f '^casemate-vmm web$')" "$vmm" "stopped, it leaves the guest"
control daemon-reload
is "$(limits)" "$limits" "and a reload of systemd's units leaves it its limits"
control start casemated.service
ok "started without its socket, it finds the guest" same || account_of casemated
is "$(control is-active casemated.socket)" active "and has its socket again, by its unit"
ok "ExecReload has the policy read again" eval 'control reload casemated && wait_for 20 eval "journalctl --no-pager -o cat MESSAGE_ID=abcf7eeae6474ff797c72141024caec2 | grep -c \"in force\" | grep -q [5-9]"' ||
    account_of casemated

# -- the journal
entry() { timeout 60 journalctl --no-pager -o json -n 1 "$@" 2>/dev/null; }
has() { # ENTRY NAME=VALUE...: one test
    local entry=$1 missing='' field
    shift
    for field in "$@"; do
        line_matches "$entry" "\"${field%%=*}\":\"${field#*=}\"" || missing+="$field "
    done
    is "$missing" "" "the journal's entry has $*" || diag "$entry"
}
has "$(entry CASEMATE_TENANT=acme CASEMATE_GUEST=web MESSAGE_ID=403f52f8e53e42b28a9375ee9efaa69f)" \
    MESSAGE='guest acme/web runs' CASEMATE_EVENT=running CASEMATE_UUID="$uuid" SYSLOG_IDENTIFIER=casemate-guard PRIORITY=5 \
    _SELINUX_CONTEXT=system_u:system_r:casemated_t:s0.* _PID="$guard"
has "$(entry CASEMATE_OPERATION=start)" MESSAGE='start of acme/web by uid 0.*' CASEMATE_CLIENT_UID=0 CASEMATE_TENANT=acme \
    CASEMATE_GUEST=web CASEMATE_CLIENT_CONTEXT=system_u:system_r:casemate_client_t:s0 SYSLOG_IDENTIFIER=casemated \
    _SYSTEMD_UNIT=casemated.service
has "$(entry MESSAGE_ID=a56df36511d04f13a42b409e6a558aba)" MESSAGE='found guest acme/web, running.*' CASEMATE_GUEST=web

# -- machinectl ends guests
casemate start acme/db
wait_for 60 registered db.acme
said=$(administrator machinectl poweroff db.acme)
ended() { [ -n "$(entry CASEMATE_GUEST="$1" CASEMATE_EVENT="$2")" ]; }
ok "machinectl poweroff presses the power button" wait_for 30 ended db power-button || {
    diag "$said"
    account_of systemd-machined
}
like "$(states)" 'acme/db=stopping' "which that guest does not heed"
said=$(administrator machinectl terminate db.acme)
ok "machinectl terminate ends it" wait_for 60 ended db ended || {
    diag "$said"
    account_of systemd-machined
}
like "$(states)" 'acme/db=stopped' "and casemated knows"
gone() { ! registered "$1"; }
ok "it is no machine any more" wait_for 30 gone db.acme

# -- the unit ends its guest
casemate stop --off-timeout 1 acme/web >/dev/null 2>&1 # who stopped it already leaves the unit nothing to do
control stop casemate-guest@acme-web.service
like "$(states)" 'acme/web=stopped' "a guest's unit stopped, the guest is"
is "$(control show -P Result casemate-guest@acme-web)" success "without a failure" || account_of casemate-guest@acme-web
ok "and no machine any more" wait_for 30 gone web.acme
has "$(entry CASEMATE_GUEST=web CASEMATE_EVENT=ended)" CASEMATE_TENANT=acme CASEMATE_RESULT=. SYSLOG_IDENTIFIER=casemate-guard
control stop casemated.service casemated.socket
is "$(control show -P Result casemated)" success "casemated ends when told to"
is "$(audit_since AVC | grep denied | grep -E 'casemate(d|_machine|_client|_front|_tenant)?_|systemd_machined_t' | sed 's/.*avc/avc/; s/ino=[0-9]*//' | sort -u | head -n 10)" "" \
    "SELinux had nothing to refuse"
ours() { left | grep -v '^/sys/fs/cgroup/[a-z]*[.]slice'; }
is "$(ours)" "" "nothing of ours is left behind"
done_testing
