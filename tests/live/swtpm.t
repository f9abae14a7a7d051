#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A third party's TPM in place of ours: a guest finds it and in it what was measured, the log says whose it is, and the
# guest ends with it.
. "$(dirname "$0")/lib/guest.sh"
need_kvm
socket=$scratch/swtpm.sock
if [ ${#MAC[@]} -eq 0 ]; then
    run_payload refused off --tpm "swtpm,socket=$socket"
    expect_error refused 1 'no SELinux rule' "under SELinux no guest speaks with what is not of it"
    done_testing
    exit
fi
for tool in swtpm tpm2_eventlog; do
    command -v $tool >/dev/null || skip_all "no $tool here"
done
. "$LIVE/lib/eventlog.sh"
remember

swtpm='' there=0
end_swtpm() { [ -z "$swtpm" ] || kill -KILL "$swtpm" 2>/dev/null; }
at_exit end_swtpm
listens() { [ -S "$socket" ]; }
begin_swtpm() { # one control connection each, and a state of its own
    end_swtpm
    rm -f "$socket"
    mkdir "$scratch/state$((++there))"
    swtpm socket --tpm2 --tpmstate "dir=$scratch/state$there" --ctrl "type=unixio,path=$socket" >"$scratch/swtpm.log" 2>&1 </dev/null &
    swtpm=$!
    wait_for 20 listens
}

begin_swtpm
"$TOOLS/measured" "$scratch" "$CASEMATE" run "${MAC[@]}" --tpm "swtpm,socket=$socket" --kernel "$scratch/monitor.elf" \
    --memory 32M --cmdline halt 2>"$scratch/err"
is "$?" 0 "a guest with it brings out what was measured, twice, and powers off" || diag "$(tail -n 5 "$scratch/err")"
like "$(cat "$scratch/err")" "a third party's" "its operator is told what it is worth"
pcr() { sed -n "s/^$2 //p" "$scratch/$1.pcrs"; } # BOOT N: as the guest reads it
for boot in 1 2; do
    ok "boot $boot: tpm2_eventlog reads the log" read_log "$scratch/$boot"
    differ=''
    for n in 0 1 2 3 4 5 6 7 8; do
        [ "$(pcr $boot $n)" = "$(replayed "$scratch/$boot" $n)" ] || differ="$differ $n"
    done
    is "$differ" "" "boot $boot: it replays to that TPM's PCRs 0 to 8"
    is "$(pcr $boot 21)" "$(from_ones "$scratch/$boot" 21)" "boot $boot: and 21"
    is "$(grep -c '^change 2[12] 907 907$' "$scratch/$boot.pcrs")" 2 "boot $boot: its guest is pinned to locality 0 there, too"
    like "$("$CASEMATE" attest log "$scratch/$boot.log")" 'tpm third-party' "boot $boot: the log says that the TPM is not ours"
done
cat >"$scratch/guest.conf" <<CONF
guest guest { kernel "$scratch/monitor.elf"; cmdline "halt"; memory 32M; tpm swtpm "$socket"; mac landlock; }
CONF
"$CASEMATE" attest predict "$scratch/guest.conf" --log - >"$scratch/predicted"
is "$(head -c "$(stat -c %s "$scratch/predicted")" "$scratch/1.log" | sum)" "$(sum <"$scratch/predicted")" "which is predicted as well"

begin_swtpm
payload dies spin --tpm "swtpm,socket=$socket"
await_event dies running
end_swtpm
finish dies
expect_error dies 3 "third party's TPM is gone.*reset by peer" "with that TPM killed the guest ends"
run_payload nobody off --tpm "swtpm,socket=$socket"
expect_error nobody 2 'cannot connect to the TPM' "none that listens is no TPM"
if [ -n "${CASEMATE_SOAK:-}" ]; then
    begin_swtpm
    kill -STOP "$swtpm"
    run_payload silent off --tpm "swtpm,socket=$socket"
    expect_error silent 3 "third party's TPM is gone, does not answer" "one that is silent is none, either"
fi
end_swtpm
left_nothing swtpm
done_testing
