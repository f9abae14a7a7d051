#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `casemate policy explain` over what the running kernel denied to a hostile stand-in (tests/hostile): each denial has its
# barrier, and the line that holds it. tests/golden/explain has the denials of all acts.
. "$(dirname "$0")/lib/tap.sh"

in_test_host || skip_all "needs SELinux enforcing and an audit log: the test host"
runner=${CASEMATE_TOOLS:-$(dirname "$0")/bin}/hostile-runner
[ -x "$runner" ] || skip_all "$runner is not there"
tap=explain$$
ip tuntap add dev "$tap" mode tap && at_exit ip link del "$tap"

chmod 711 "$scratch"
truncate -s 1M "$scratch/own.img" "$scratch/victim.img"
chmod 600 "$scratch"/*.img
mkdir -m 1777 "$scratch/shared"
echo medium >"$scratch/shared/medium"
cp "$(dirname "$runner")/hostile" "$scratch/standin"
cp "$runner" "$scratch/launcher"
chmod 755 "$scratch/standin" "$scratch/launcher"
chcon -t casemated_exec_t "$scratch/launcher" && chcon -t casemate_exec_t "$scratch/standin"

# -- the acts, all of them before the one look at the log: emulation is slow
act() { # KIND LAYER ACT
    "$scratch/launcher" run --standin "$scratch/standin" --scratch "$scratch" --tap "$tap" --kinds "$1" --layers "$2" \
        --acts "$3" --relations tenant </dev/null 2> >(cat >&2) | cat
}
audit_mark
for layer in types categories; do act blk $layer leak-disk-read; done
act blk categories kill
act blk selinux socket-tcp,own-disk-map,fork
act vmm selinux kvm-GET_MSR_INDEX_LIST
act rng all disk-read
audit_since >"$scratch/log"
run_seconds=600 run casemate policy explain --audit "$scratch/log"
is "$status/$err" "0/" "every denial is explained by the policy that is loaded" || diag "$out"
printf '%s\n' "$out" >"$scratch/all"

# held WHAT HEAD LINE: the denial with this head has this line (extended regular expressions)
held() {
    ok "the line that holds $1" awk -v head="$2" -v line="^  $3" \
        '/^[A-Z_]+: / { here = $0 ~ head } here && $0 ~ line { found = 1 } END { exit !found }' "$scratch/all"
}
# Parentheses and braces of the statements: any character.
blk='disk process of .* [(]s0:c0,c1[)] was denied'
never='forbids +casemate-never.cil:[0-9]+: .neverallow '
held "another tenant's disk, of the same categories" "$blk read write on a disk of .*slot 2 [(]s0:c0,c1[)]" \
    'forbids +casemate-slots.cil:[0-9]+: .neverallow casemate_foreign_[0-9_]+ casemate_own_[0-9_]+ casemate_any_access.'
held "another guest's disk, of the same tenant" "$blk read write on a disk of .*slot 1 [(]s0:c2,c3[)]" \
    'forbids +casemate-tenant.cil:[0-9]+: .mlsconstrain .file .all.. .or .eq h1 h2.'
held "its socket" "$blk read write on the disk process of .*slot 1 [(]s0:c2,c3[)]" \
    'forbids +casemate-tenant.cil:[0-9]+: .mlsconstrain .unix_stream_socket .all..'
held "signals" "$blk signal on the disk process" "${never}casemate_jailed casemate_anything .process .signal sigkill sigstop.."
held "sockets" "$blk create on itself .class tcp_socket" "${never}casemate_jailed casemate_anything .tcp_socket .all.."
held "mapping its own disk" "$blk map on a disk" \
    'change +casemate-tenant.cil:[0-9]+: .allow blk_t image_t .file .getattr read write...'
held "processes" "$blk fork on itself" "${never}casemate_not_vmm self .process .fork.."
held "KVM's other requests" 'VMM of .* was denied ioctl on kvm_device_t' \
    'change +casemate-tenant.cil:[0-9]+: .allowx casemate_vmm kvm_device_t '
held "system calls" '^SECCOMP: the random number process of .* made the system call openat' 'behind +mac/filters/rng.c:[0-9]+: '

# -- and of all of them: a barrier and a line
is "$(awk '/^[A-Z_]+: / { if (head != "" && !line) print head; head = $0; line = 0 }
    /^  (forbids|change|behind) / { line = 1 } END { if (head != "" && !line) print head }' "$scratch/all")" "" \
    "no denial is without a line"
unlike "$out" 'barrier +none' "or without a barrier"

# -- what parses for a verb does not outlive it, though it is of another domain: the kernel asks whether the one may kill the
#    other. The pipe that it writes to is full.
exec {full}> >(trap - EXIT; exec sleep 1000)
reader=$!
head -c 65536 /dev/zero >&"$full"
casemate policy explain --audit "$scratch/log" >&"$full" 2>/dev/null &
verb=$!
parses() { child=$(ps -o pid=,label= --ppid "$verb" | awk '/:casemate_client_t:/ { print $1 }') && [ -n "$child" ]; }
child=''
wait_for 60 parses
isnt "$child" "" "a verb's child parses in the client's domain"
kill -KILL "$verb"
dead() { [[ $(sed 's/.*) //' "/proc/$child/stat" 2>/dev/null) != [!ZX]* ]]; }
ok "and ends with the verb" wait_for 30 dead
kill -KILL "$reader" "$child" 2>/dev/null
exec {full}>&-
diag "$(grep -c '^[A-Z_]*: ' "$scratch/all") different denials of $(grep -cE '^type=(AVC|SECCOMP)' "$scratch/log")"
done_testing
