#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the host's policy says of files and people, against what tenants do to their trees and operators try: links of
# every kind, another tenant's guests, a policy that turns hostile. In the test host only what differs under SELinux: who
# is an operator to both, to the loaded policy and by name.
#
# On a machine of somebody's own: with places for state that are this test's alone.
if [ -z "${CASEMATE_TESTHOST:-}" ] && [ -z "${POLICY_NAMESPACE:-}" ] && [ "$(id -u)" = 0 ]; then
    unshare --mount true 2>/dev/null && exec env POLICY_NAMESPACE=1 unshare --mount "$BASH" "$0" "$@"
fi
. "$(dirname "$0")/lib/guest.sh"

[ "$(id -u)" = 0 ] || skip_all "needs root"

with_selinux() {
    install -d /etc/casemate /srv/acme
    install -d -m 700 /var/lib/casemate
    restorecon -R /etc/casemate /var/lib/casemate
    cp "$PAYLOAD" /srv/acme/kernel
    cat >/etc/casemate/host.policy <<'CONF'
tenant acme {
    disk "/srv/acme/**";
    operators "games" "@bin";
    guest web { memory 64M; kernel "/srv/acme/kernel"; cmdline "halt"; }
}
CONF
    run casemate policy check /etc/casemate/host.policy
    is "$status" 0 "casemate policy reads it in its domain" || diag "$err"
    put_policy /etc/casemate/host.policy /var/lib/casemate/policy/host.image || diag "the policy does not compile"
    audit_mark
    /usr/bin/casemated >"$scratch/casemated.log" 2>&1 &
    at_exit kill $!
    wait_for 60 test -S /run/casemate/org.casemate.Host || diag "$(cat "$scratch/casemated.log")"
    # as UID GID: lists, in the context of an operator of tenant slot 1
    as() {
        run setpriv --reuid="$1" --regid="$2" --clear-groups runcon system_u:system_r:testhost_operator_1_t:s0 \
            /bin/bash -c '"$@"' bash casemate list
    }
    as 5 1234
    like "$out" "web" "an operator by context and name sees its tenant's guest" || diag "$err"
    as 1234 2
    like "$out" "web" "so does one by context and group" || diag "$err"
    as 1234 1234
    unlike "$out" "web" "who has the context and not the name does not"
    is "$(audit_since AVC | grep -E 'scontext=[^ ]*casemate(d|_front)' | grep denied)" "" \
        "to look the names up, casemated needed nothing that it may not have"
}
if in_test_host; then
    selinux_enforcing || skip_all "needs SELinux enforcing"
    with_selinux
    done_testing
    exit 0
fi
[ -n "${POLICY_NAMESPACE:-}" ] || skip_all "needs a mount namespace of its own"
DAEMON=$PROGRAMS/casemated
[ -x "$DAEMON" ] || skip_all "no casemated"
need_kvm
[ -r "$PAYLOAD" ] || skip_all "no payload: make testhost"
for place in /run/casemate /var/lib/casemate /etc/casemate; do
    mkdir -p "$place"
    mount -t tmpfs -o mode=0755 tmpfs "$place"
done

# Cgroups bear guests' names, and are not in a namespace.
n=$$ srv=/srv/casemate-policy-$$
mkdir -p $srv/acme $srv/initech $srv/golden
at_exit rm -rf $srv
for tenant in acme initech; do
    cp "$PAYLOAD" $srv/$tenant/kernel
    truncate -s 1M $srv/$tenant/disk.img
done
truncate -s 1M $srv/golden/g.img $srv/initech/other.img
ln -s $srv/initech/disk.img $srv/acme/link.img
ln -s $srv/initech $srv/acme/folder
ln $srv/initech/disk.img $srv/acme/name.img
ln -s $srv/acme $srv/tree
policy=$scratch/host.policy
{
    echo "host { mac landlock; }"
    echo "object golden { disk \"$srv/golden/g.img\"; readonly; }"
    echo "tenant acme { guests 4; memory 256M; disk \"$srv/acme/**\"; share golden; operators \"games\" \"@games\";"
    guest() {
        local disks='' disk
        for disk in "${@:2}"; do disks+=" disk \"$srv/$disk;"; done
        echo "    guest $1$n { memory 48M; kernel \"$srv/${KERNEL_OF:-acme/kernel}\"; cmdline \"halt\";$disks }"
    }
    guest good 'acme/disk.img"' 'golden/g.img" readonly'
    guest link 'acme/link.img"'
    guest folder 'acme/folder/other.img"'
    guest name 'acme/name.img" readonly'
    echo "}"
    echo "tenant initech { disk \"$srv/initech/**\" \"$srv/tree/*\"; share golden; operators \"bin\" \"nobody\" \"@nogroup\";"
    KERNEL_OF=initech/kernel
    guest tps 'initech/other.img"' 'golden/g.img" readonly'
    KERNEL_OF=tree/kernel guest tree
    echo "}"
} >"$policy"
run "$CASEMATE" policy check "$policy"
is "$status" 0 "the policy is good" || diag "$err"
run "$CASEMATE" policy load "$policy"
is "$status" 0 "and loaded while no casemated runs" || diag "$err"
image=/var/lib/casemate/policy/host.image
perl -MFcntl -e 'open(my $f, "+<", $ARGV[0]) or die; my $l = pack("s s x4 q q i x4", F_WRLCK, 0, 0, 0, 0); fcntl($f, F_SETLK, $l) or die; open(my $r, ">", $ARGV[1]) or die; sleep 60' \
    "$image.lock" "$scratch/held" &
holder=$!
wait_for 30 test -e "$scratch/held"
run "$CASEMATE" policy load "$policy"
isnt "$status" 0 "a second load at once: refused"
like "$err" "another .casemate policy load. is at work" "and says why"
kill $holder
wait $holder 2>/dev/null
head -c 500 "$image" >"$image.new"
run "$CASEMATE" policy load "$policy"
is "$status" 0 "what a load that was killed left is no hindrance" || diag "$err"
ok "and is gone" test ! -e "$image.new"
if mount -t tmpfs -o size=4k,mode=700 tmpfs "${image%/*}" 2>/dev/null; then
    echo 'host { mac landlock; } tenant many { disk "/srv/many/**"; for n in 1..500 { guest g${n} { kernel "/srv/many/k"; } } }' >"$scratch/many"
    run "$CASEMATE" policy load "$scratch/many"
    is "$status" 3 "no room for it: refused"
    like "$err" "No space left" "and says why"
    ok "and no half of it is left" test ! -e "$image.new"
    umount "${image%/*}"
else
    skip "a full disk needs a mount" 3
fi

"$DAEMON" --mac landlock >"$scratch/casemated.log" 2>&1 &
daemon=$!
at_exit kill $daemon
at_exit "$CASEMATE" kill "good$n" "tps$n"
wait_for 30 test -S /run/casemate/org.casemate.Host || diag "$(cat "$scratch/casemated.log")"

# refused GUEST REGEX WHAT
refused() {
    run "$CASEMATE" start "$1$n"
    is "$status" 1 "$3: refused"
    like "$err" "$2" "and says why"
}
run "$CASEMATE" start acme/good$n
is "$status" 0 "a guest of its tenant's disk and a shared object starts" || diag "$err"
refused link "leads through a symbolic link" "a disk that is a link of root's to another tenant's"
refused folder "leads through a symbolic link" "a disk behind a folder that is a link"
refused name "has 2 names" "a second name of another tenant's disk"
refused tree "leads through a symbolic link" "a kernel behind a link in what the policy itself spells out"
run "$CASEMATE" start initech/tps$n
is "$status" 0 "another tenant's guest reads the same object meanwhile" || diag "$err"
# write_object: whoever would write to the object asks for the lock of one who is alone with it
write_object() {
    run "$CASEMATE" run "${MAC[@]}" --name "writer$n" --kernel "$PAYLOAD" --cmdline off --memory 48M --disk "$srv/golden/g.img"
}
write_object
is "$status" 1 "nobody writes to it while they do"
like "$err" "in use by another guest" "and is told so"

# as UID GID COMMAND...: games is 5 and its group 60, bin is 2 on every Debian
as() { run setpriv --reuid="$1" --regid="$2" --clear-groups "$CASEMATE" "${@:3}"; }
as 5 1234 list
like "$out" "good$n" "an operator by name sees its tenant's guests"
unlike "$out" "tps|initech" "and no other"
as 1234 60 list
like "$out" "good$n" "so does one by group"
as 60 5 list
unlike "$out" "good|tps" "a uid that is the group's number is nobody"
as 65534 65534 list
unlike "$out" "good|tps" "nor is nobody somebody, whatever the policy says: others are shown as it"
as 2 2 kill acme/good$n
isnt "$status" 0 "an operator does not end another tenant's guest"
like "$err" "no guest good$n that you may see" "and does not learn that it is there"
as 2 2 reload
isnt "$status" 0 "nor has the policy read again"
as 5 60 kill initech/tps$n
isnt "$status" 0 "nor the other way round"
run "$CASEMATE" list
is "$(grep -c running <<<"$out")" 2 "both run still"

# -- a policy that turns hostile is refused as a whole
cp "$policy" "$scratch/before"
bad() { # WHAT REGEX, the policy is standard input
    cat >"$policy"
    run "$CASEMATE" policy load "$policy"
    isnt "$status" 0 "$1: refused"
    like "$err" "$2" "and says why"
}
bad "a path that climbs" ":1:[0-9]+: disk pattern .* contains '..'" <<<'tenant acme { disk "/srv/a/../**"; }'
bad "a guest that could write to an object" "this disk is a shared object: write 'readonly' behind it" \
    < <(sed 's,golden/g.img" readonly,golden/g.img",' "$scratch/before")
bad "an object that is not read-only" "readonly" < <(sed 's, readonly; }$, },' "$scratch/before")
bad "noise" ":1:1: control character 0x7f" <"$PAYLOAD"
bad "sixteen megabytes and more" "too long" < <(head -c 16800000 /dev/zero)
apart() { sed 's/share golden;//; s, disk "[^"]*golden/g.img" readonly;,,' "$scratch/before" && echo "conflict acme initech on $1;"; }
bad "what casemate cannot enforce" "does not schedule cores" < <(apart core)
bad "a tenant without its guest's disk" "good$n runs, and the new policy would not admit it.*acme/disk.img" \
    < <(sed "s,disk \"$srv/acme/\*\*\",kernel \"$srv/acme/**\"," "$scratch/before" | sed "s, disk \"$srv/acme/disk.img\";,," | grep -v "guest link\|guest folder\|guest name")
# take: as policy load asks for what it has written
take() {
    printf '{"method":"org.casemate.Host.Reload","parameters":{"running":"refuse"}}\0' |
        timeout 60 socat -t 50 - UNIX-CONNECT:/run/casemate/org.casemate.Host 2>/dev/null | tr '\0' '\n'
}
# image WHAT REGEX FILE: put in place by hand
image() {
    install -m "${4:-600}" "$3" "$image.new"
    run "$CASEMATE" reload
    is "$status" 0 "$1: reload does not look at it" || diag "$err"
    local said
    said=$(take)
    like "$said" PolicyInvalid "whoever asks for it: refused"
    like "$said" "$2" "and says why"
    ok "and it is gone" test ! -e "$image.new"
}
image "a file that others may write" "only root can write" "$image" 666
image "a source" "no policy's image|malformed" "$scratch/before"
head -c 500 "$image" >"$scratch/cut"
image "half an image" "malformed" "$scratch/cut"
ln -s "$image" "$image.new"
like "$(take)" '"error"' "a link: refused"
rm -f "$image.new"
run "$CASEMATE" list
is "$(grep -c running <<<"$out")" 2 "the guests run, and what was in force is"

# -- a guest that the policy does not describe any more goes on, and its tenant's operators are the new policy's
grep -v 'guest good' "$scratch/before" | sed 's/"@games"//' >"$scratch/less"
bad "a policy with one guest less, which runs" "good$n runs.*not described" <"$scratch/less"
run "$CASEMATE" policy load "$policy" --running keep
is "$status" 0 "it is taken if the guest may go on" || diag "$err"
run "$CASEMATE" list
is "$(grep -c running <<<"$out")" 2 "what runs goes on"
as 1234 60 kill acme/good$n
isnt "$status" 0 "who is no operator any more ends nothing"
as 5 1234 kill acme/good$n
is "$status" 0 "who still is does" || diag "$err"
run "$CASEMATE" start acme/good$n
isnt "$status" 0 "and it does not start again"
write_object
is "$status" 1 "the object stays the other's who reads it"
as 2 2 kill initech/tps$n
is "$status" 0 "and an operator by name its own" || diag "$err"
state_is() { "$CASEMATE" list | grep -q "$1.*$2"; } # GUEST STATE
wait_for 30 state_is "tps$n" stopped
write_object
is "$status" 0 "when both have ended the object is free" || diag "$err"
# -- two that must not run on one host
apart host >"$policy"
run "$CASEMATE" policy load "$policy"
is "$status" 0 "a conflict on host is taken while neither runs" || diag "$err"
run "$CASEMATE" start initech/tps$n
is "$status" 0 "one of the two starts" || diag "$err"
run "$CASEMATE" start acme/good$n
is "$status" 1 "and the other does not"
like "$err" "in conflict on host with tenant initech" "and says why"
sed 's/on host;/;/' "$policy" >"$scratch/without"
grep -v 'guest tps' "$scratch/without" >"$policy"
run "$CASEMATE" policy load "$policy" --running stop
is "$status" 0 "a policy without the one that runs is taken if it may be stopped" || diag "$err"
gone() { ! "$CASEMATE" list | grep -q "tps$n.*\(running\|stopping\)"; }
ok "and it is stopped" wait_for 60 gone

# -- without casemated nobody says whether what runs would be admitted
run "$CASEMATE" start acme/good$n
is "$status" 0 "a guest runs" || diag "$err"
kill $daemon
wait $daemon
is "$?" 0 "casemated ends" || diag "$(cat "$scratch/casemated.log")"
before=$(sha256sum <"$image")
echo "host { mac landlock; }" >"$policy"
run "$CASEMATE" policy load "$policy"
is "$status" 1 "a policy without it is refused"
like "$err" "guest acme/good$n runs, and casemated does not" "and says why"
is "$(sha256sum <"$image")" "$before" "what was in force stays"
ok "and nothing is left" test ! -e "$image.new"
run "$CASEMATE" policy load "$policy" --running keep
is "$status" 0 "it is put in place if the guest may go on" || diag "$err"
isnt "$(sha256sum <"$image")" "$before" "for the next casemated"
"$DAEMON" --mac landlock >>"$scratch/casemated.log" 2>&1 &
daemon=$!
at_exit kill $daemon
answers() { "$CASEMATE" info; }
ok "which starts with it" wait_for 60 answers
# What it holds is what it was started with, and not what a policy says of it by now.
{
    echo "host { mac landlock; }"
    echo "tenant acme { disk \"$srv/moved/**\"; guest good$n { memory 48M; kernel \"$srv/moved/k\"; disk \"$srv/moved/d\"; } }"
    echo "tenant initech { disk \"$srv/acme/**\"; }"
} >"$policy"
run "$CASEMATE" policy load "$policy" --running keep
is "$status" 0 "a policy that gives its files away is taken if it may go on" || diag "$err"
run "$CASEMATE" policy load "$policy"
isnt "$status" 0 "and not if it would have to be admitted"
like "$err" "holds a disk that is not its tenant's there: .*/acme/disk.img" "and says why"
run "$CASEMATE" policy load "$scratch/before"
is "$status" 0 "that under which it was started is taken" || diag "$err"
run "$CASEMATE" kill acme/good$n
is "$status" 0 "and ends the guest" || diag "$err"
kill $daemon
wait $daemon
is "$?" 0 "casemated ends" || diag "$(cat "$scratch/casemated.log")"
done_testing
