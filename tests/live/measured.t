#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Measured boot as a guest sees it. A tiny one, on any KVM, brings out its event log, which an independent reader replays
# to what the guest reads from its TPM; the same again after a reset; and what it may not. Then a stock Debian guest, whose
# kernel finds the TPM and the log by itself.
. "$(dirname "$0")/lib/guest.sh"
need_kvm
command -v tpm2_eventlog >/dev/null || skip_all "no tpm2_eventlog here: install tpm2-tools"
. "$LIVE/lib/eventlog.sh"
remember

cmdline='two words, "quotes" and 100%'
head -c 3000 /dev/urandom >"$scratch/initrd"
"$TOOLS/measured" "$scratch" "$CASEMATE" run "${MAC[@]}" --tpm --rng --kernel "$scratch/monitor.elf" \
    --initrd "$scratch/initrd" --memory 32M --cmdline "$cmdline" 2>"$scratch/err"
is "$?" 0 "a guest brings out what was measured of it, twice, and powers off" || diag "$(tail -n 5 "$scratch/err")"

pcr() { sed -n "s/^$2 //p" "$scratch/$1.pcrs"; } # BOOT N: as the guest reads it
for boot in 1 2; do
    ok "boot $boot: tpm2_eventlog reads the log" read_log "$scratch/$boot"
    differ=''
    for n in 0 1 2 3 4 5 6 7 8 9; do
        [ "$(pcr $boot $n)" = "$(replayed "$scratch/$boot" $n)" ] || differ="$differ $n"
    done
    is "$differ" "" "boot $boot: it replays to the TPM's PCRs 0 to 9"
    is "$(pcr $boot 21)" "$(from_ones "$scratch/$boot" 21)" "boot $boot: and 21"
    is "$(extended "$scratch/$boot")" "0 1 2 3 4 5 6 7 8 9 21" "boot $boot: there is nothing else in it"
    is "$(digest "$scratch/$boot" 4)" "$(sum <"$scratch/monitor.elf")" "boot $boot: PCR 4 is the kernel's file"
    is "$(digest "$scratch/$boot" 8)" "$(printf %s "$cmdline" | sum)" "boot $boot: PCR 8 is the command line"
    is "$(digest "$scratch/$boot" 9)" "$(sum <"$scratch/initrd")" "boot $boot: PCR 9 is the initrd"
    is "$(pcr $boot selftest)" 0 "boot $boot: its TPM's self-test passes, under its filter"
    is "$(grep -c '^change 2[12] 907 907$' "$scratch/$boot.pcrs")" 2 "boot $boot: a guest cannot change PCR 21 and 22"
    is "$(grep -c '^change 16 0 0$' "$scratch/$boot.pcrs")" 1 "boot $boot: PCR 16 it can"
done
# -- who has the same files and description knows it beforehand
cat >"$scratch/guest.conf" <<CONF
guest web {
    kernel "$scratch/monitor.elf"; initrd "$scratch/initrd"; cmdline "${cmdline//\"/\\\"}";
    memory 32M; rng; tpm;
}
CONF
predict() { "$CASEMATE" attest predict "$scratch/guest.conf" "$@" | cat; } # SELinux: not to any file by itself
predict --log - >"$scratch/predicted"
predict --json >"$scratch/prediction"
for boot in 1 2; do
    is "$(head -c "$(stat -c %s "$scratch/predicted")" "$scratch/$boot.log" | sum)" "$(sum <"$scratch/predicted")" \
        "boot $boot: the log begins with the predicted one"
    like "$("$CASEMATE" attest log - < <(cat "$scratch/$boot.log"))" '^This is a boot log of Casemate' "boot $boot: and is in its only form"
done
differ=''
for n in 0 1 2 3 4 5 6 7 8 9; do
    grep -q "\"$n\": \"$(pcr 1 $n)\"" "$scratch/prediction" || differ="$differ $n"
done
is "$differ" "" "PCRs 0 to 9 are the predicted ones"

same=''
for n in 0 1 2 3 4 5 6 7 8 9; do
    [ "$(pcr 1 $n)" = "$(pcr 2 $n)" ] || same="$same $n"
done
is "$same" "" "after a reset PCRs 0 to 9 are what they were"
isnt "$(pcr 1 21)" "$(pcr 2 21)" "PCR 21 is not: it carries the boot before"

# -- Debian: the log is the kernel's, the PCRs are its driver's
if stock_kernels; then
    run_debian debian marker,tpm,tpmdeny --cpus 2 --tpm
    steps_ok debian marker tpm tpmdeny
    said=$(console debian | tr -d '\r')
    sed -n '/^guest: log begins/,/^guest: log ends/{/^guest:/!p}' <<<"$said" | base64 -d >"$scratch/debian.log"
    ok "tpm2_eventlog reads the kernel's binary_bios_measurements" read_log "$scratch/debian" || account debian
    differ=''
    shown() { sed -n "s/^guest: pcr $1 //p" <<<"$said" | tr A-F a-f; }
    for n in 0 1 2 3 4 5 6 7 8 9; do
        got=$(shown $n)
        [ -n "$got" ] && [ "$got" = "$(replayed "$scratch/debian" $n)" ] || differ="$differ $n"
    done
    is "$differ" "" "it replays to pcr-sha256 of the kernel's driver, 0 to 9"
    is "$(shown 21)" "$(from_ones "$scratch/debian" 21)" "and 21"
    is "$(digest "$scratch/debian" 4)" "$(sum <"$KERNEL")" "PCR 4 is Debian's kernel"
    is "$(digest "$scratch/debian" 9)" "$(sum <"$INITRD")" "PCR 9 is its initrd"
    is "$(grep -cE '^guest: (extend|reset) (21|22) 00000907$' <<<"$said")" 4 "through /dev/tpm0 PCR 21 and 22 are refused, too"
    is "$(grep -c '^guest: extend 16 00000000$' <<<"$said")" 1 "and PCR 16 is not"
else
    skip "$NO_STOCK" 10
fi

left_nothing measured
done_testing
