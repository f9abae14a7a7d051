#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Key release: a guest's disk is encrypted, its key is with casemate-attestd, and it is released to that guest's TPM alone,
# as it was declared. What is asked and refused is seen with a guest of a few instructions; in the test host Debian's
# kernel waits for its key, gets it over its console, and goes on with / on the encrypted disk; and with one changed byte
# in its command line it does not.
. "$(dirname "$0")/lib/casemated.sh"
! in_test_host || PATIENCE=600 # a kernel, and then a dozen programs that speak with its TPM, on a CPU that is emulated twice

. "$(dirname "$0")/lib/attestd.sh"
why=$(attestd_missing)
[ -z "$why" ] || skip_all "$why"
[ -x "$PROGRAMS/casemate-tpm" ] || skip_all "no casemate-tpm"
attestd_networks || skip_all "no network namespaces here"

# -- a host with guests
mkdir -p "$srv/acme"
cp "$PAYLOAD" "$srv/acme/kernel"
key=$scratch/disk.key kernel=$srv/acme/kernel device='' devices='' memory=64M cmdline='halt byte=1' debian=''
if in_test_host && [ -r "$GUEST/root.luks" ]; then
    debian=1 key=$GUEST/disk.key kernel=$srv/acme/vmlinuz memory=320M
    cp "$KERNEL" "$kernel"
    cp "$GUEST/unlock.img" "$srv/acme/initrd"
    cp --sparse=always "$GUEST/root.luks" "$srv/acme/disk"
    cmdline='console=ttyS0 quiet panic=-1 casemate.test=unlock,idle byte=1'
    devices="initrd \"$srv/acme/initrd\"; disk \"$srv/acme/disk\";"
    [ ! -c /dev/tpmrm0 ] || device='host-tpm "device:/dev/tpmrm0";'
else
    head -c 32 /dev/urandom >"$key"
fi
describe() { # COMMAND-LINE
    policy <<CONF
host { mac $HOST_MAC; $device }
tenant acme {
    guests 4; disk "$srv/acme/**"; ${device:+attest required;}
    guest web { memory $memory; cmdline "$1"; kernel "$kernel"; $devices tpm; }
}
CONF
}
end() { "$CASEMATE" kill web >/dev/null 2>&1; }
at_exit end
is_dead() { "$CASEMATE" show web 2>/dev/null | grep -q stopped; }
end_web() { end; wait_for 60 is_dead; }
member() { tr -d '\n' <"$1" | grep -oE "\"$2\": ?\"[^\"]*\"" | head -n 1 | sed -E 's/^"[^"]*": ?"(.*)"$/\1/'; }

# -- and a service elsewhere, which has its key
attestd_certificate server serverAuth
mkdir "$at_etc/keys"
serve() { attestd_serve --registry "$at_etc/registry" --disk-keys "$at_etc/keys"; }
again() {
    attestd_end
    serve
}
fresh() { # FILE: evidence for a nonce of the service's
    ask /v1/nonce -X POST >"$1.nonce"
    "$CASEMATE" attest quote web --nonce "$(member "$1.nonce" nonce)" 2>"$1.err" | cat >"$1"
    [ -s "$1" ] || diag "$(cat "$1.err")"
}
answer=$scratch/answer
release() { # [FILE]: asks for the key; with no evidence of its own
    [ -n "${1:-}" ] || fresh "$scratch/evidence"
    ask /v1/release --data-binary "@${1:-$scratch/evidence}" >"$answer"
}
refused() { # WORD NAME [FILE]
    release "${3:-}"
    is "$(member "$answer" reason)$(member "$answer" error)/$(member "$answer" key)" "$1/" "$2" || diag "$(cut -c1-300 "$answer")"
}

# -- what the tenant declares: what the guest's TPM will be extended with, and the host's policy
digest_of() { sha256sum <"$1" | cut -d' ' -f1; }
declare_guest() { # EXTRA: more members of `guest`
    local n value pcrs=''
    for n in 0 1 4 8 9; do
        value=$(member "$scratch/predicted" $n)
        pcrs+="${pcrs:+,}\"$n\":[\"${value:-$(printf '%064x' 0)}\"]" # without an initrd nothing is extended into PCR 9
    done
    printf '{"version":1,"guest":{"tenant":"acme","name":"web","pcrs":{%s},"ledger":[],%s}}' "$pcrs" "$1" >"$at_etc/web.json"
}
confinement="\"policies\":[\"$(printf '%064x' 0)\"]"
describe "$cmdline"
[ "$HOST_MAC" = selinux ] && confinement='"selinux":true' || confinement="\"policies\":[\"$(digest_of "$IMAGE")\"]"
"$CASEMATE" attest predict web --source "$SOURCE" --json 2>"$scratch/predicted.err" | cat >"$scratch/predicted"
[ -s "$scratch/predicted" ] || diag "$(cat "$scratch/predicted.err")"
declare_guest "$confinement"

start_casemated || diag "$(cat "$log")"
ready() { [ -z "$device" ] || grep -q "host's TPM is in use" "$log"; }
wait_for 60 ready
ok "the guest starts" "$CASEMATE" start web || diag "$(tail -n 5 "$log")"
"$CASEMATE" attest quote web --nonce "$(printf '%064x' 1)" 2>/dev/null | cat >"$scratch/first"
tpm_name() { printf 000b; member "${2:-$scratch/first}" "$1" | base64 -d | sha256sum | cut -d' ' -f1; }
tr -d '\n' <"$scratch/first" | sed -n 's/.*"host": *{//p' >"$scratch/host" # its own part, if it vouches
uuid=$(member "$scratch/first" uuid)
enroll() { # [REVOKED]
    local host=''
    [ ! -s "$scratch/host" ] || host=$(printf ',{"kind":"host","owner":"node1","ak":"%s","ek":"%s"}' \
        "$(tpm_name ak "$scratch/host")" "$(tpm_name ek "$scratch/host")")
    printf '{"version":1,"keys":[{"kind":"guest","owner":"acme","uuid":"%s","ak":"%s","ek":"%s"%s}%s]}' "${uuid//-/}" \
        "$(tpm_name ak)" "$(tpm_name ek)" "${1:+,\"revoked\":\"$1\"}" "$host" >"$at_etc/registry"
}
enroll

# -- who gets none. In the test host, where each question takes seconds, what depends on SELinux alone.
tpm_name ek >"$at_etc/keys/acme.web.ek"
if ! in_test_host; then
    cp "$key" "$at_etc/keys/acme.db.key"
    serve
    refused no-key "there is none for a guest that has none"
    rm "$at_etc/keys/acme.db.key"
    cp "$key" "$at_etc/keys/acme.web.key"
    printf '000b%064x\n' 5 >"$at_etc/keys/acme.web.ek"
    again
    refused key-of-another-tpm "nor for another TPM than it is kept for"
    tpm_name ek >"$at_etc/keys/acme.web.ek"
    declare_guest '"programs":[]'
    again
    refused program "nor with other programs than declared"
    declare_guest '"generation":0'
    again
    refused reference-weak "nor under a reference that leaves the confinement open"
    enroll stolen
    declare_guest "$confinement"
    again
    refused ak-revoked "nor to a TPM whose key was revoked"
    enroll
    attestd_end
fi
cp "$key" "$at_etc/keys/acme.web.key"
if [ "$HOST_MAC" = landlock ]; then
    declare_guest '"selinux":true'
    serve
    refused layer "nor to one that SELinux does not confine, if it should"
else
    declare_guest '"selinux":true,"types":["other_t"]'
    serve
    refused context "to one in other contexts than declared it is not released"
fi
declare_guest "$confinement"
again

# -- who does
release
like "$(cat "$answer")" '"good":true,"reason":"none".*"key":"casemate-key [A-Za-z0-9+/=]+"' "the guest as declared gets its key" || diag "$(cut -c1-600 "$answer")"
member "$answer" key >"$scratch/line"
echo casemate-key >"$scratch/nothing"
refused nonce-used "once for a nonce" "$scratch/evidence"
refused nonce-unknown "and not for one that nobody asked with" "$scratch/first"
like "$(ask /metrics)" 'releases_total 1' "it is one release, which is remembered"
size=$(sed 's/^casemate-key //' "$scratch/line" | base64 -d | wc -c)
is "$size" 260 "what is released is one object"
ok "in which the key is not to be seen" test -z "$(sed 's/^casemate-key //' "$scratch/line" | base64 -d | od -An -v -tx1 | tr -d ' \n' | grep -o "$(od -An -v -tx1 "$key" | tr -d ' \n' | cut -c1-16)")"
deliver() { cat "$1" | "$CASEMATE" attest deliver web; }
like "$(deliver "$scratch/nothing" 2>&1)" 'no line "casemate-key' "what is no key is not given to a guest"
[ -n "$debian" ] || ok "a key is, whatever it does with it" deliver "$scratch/line"

# -- Debian's, on the encrypted disk
if [ -n "$debian" ]; then
    heard=$scratch/heard # not $said, which is ok's own where says is called
    attach() { # its console, in a file; what goes to it is written to 7
        exec 7> >("$CASEMATE" console web 2>/dev/null | cat >"$heard")
    }
    says() { grep -aqE "$1" "$heard"; }
    attach
    ok "it waits for its key" wait_for "$PATIENCE" says 'waiting for the key' || diag "$(tail -n 5 "$heard")"
    if [ -n "${CASEMATE_SOAK:-}" ]; then
        echo 'casemate-key AAAA' >&7
        ok "a line that is no key is passed over" wait_for "$PATIENCE" says 'key is not for this TPM' || diag "$(tail -n 5 "$heard")"
    fi
    cat "$scratch/line" >&7
    # On a busy machine the kernel that is emulated twice waits too short a time for its TPM, and then has none.
    gave_up() { says 'tpm tpm0: Operation Timed out' && says 'key is not for this TPM'; }
    answered() { says 'guest: ok unlock' || gave_up; }
    wait_for "$PATIENCE" answered
    if gave_up; then
        skip "the emulated guest's kernel gave its TPM up: $(grep -ac 'tpm tpm0: Operation Timed out' "$heard") time-outs"
    else
        ok "with the key it goes on, on its encrypted disk" says 'guest: ok unlock' || diag "$(tail -n 9 "$heard")"
    fi
    end_web
    exec 7>&-
else
    skip "a stock kernel, for an encrypted root disk, is the test host's" 2
    end_web
fi

# -- one byte of the command line
stop_casemated
rm "$IMAGE"
describe "${cmdline/byte=1/byte=2}"
: >"$log"
start_casemated || diag "$(cat "$log")"
wait_for 60 ready
ok "with one changed byte in its command line it starts, too" "$CASEMATE" start web || diag "$(tail -n 5 "$log")"
refused pcr-value "but its key is not released"
like "$(member "$answer" detail)" 'PCR 8' "for that byte"
unlike "$(cat "$answer")" 'casemate-key' "and nothing of it is in the answer"
# That the TPM does not open what was released before is tests/unit/verify/test_release.c's; a second boot of a kernel takes minutes.
if [ -n "$debian" ] && [ -n "${CASEMATE_SOAK:-}" ]; then
    attach
    ok "it waits" wait_for "$PATIENCE" says 'waiting for the key' || diag "$(tail -n 5 "$heard")"
    cat "$scratch/line" >&7
    ok "and its TPM does not open the key of before" wait_for "$PATIENCE" says 'another start than this one' || diag "$(tail -n 9 "$heard")"
    ok "nor is the disk open" test -z "$(grep -a 'guest: ok unlock' "$heard")"
    exec 7>&-
fi
end_web
stop_casemated
done_testing
