#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every kind of kernel that a guest may boot from, and the machine that it finds.
. "$(dirname "$0")/lib/guest.sh"
need_kvm
remember

# -- PVH: a few instructions, which run anywhere
run_payload pvh "off one  two=\"3 4\""
expect pvh 0 '^CASEMATE-PAYLOAD-OK off one  two="3 4"$' "a PVH ELF image boots, its command line arrives unchanged"
run_payload pvh-initrd off --initrd "$INITRD" --rng
expect pvh-initrd 0 CASEMATE-PAYLOAD-OK "a PVH image with an initrd"
run_guest no-cmdline --kernel "$PAYLOAD"
expect no-cmdline 0 'CASEMATE-PAYLOAD-OK *$' "a PVH image without a command line, with the default memory"
run_payload many "off" --cpus 64
expect many 0 CASEMATE-PAYLOAD-OK "64 vCPUs"

# -- the same from a file
cat >"$scratch/guest.conf" <<CONF
guest web {              # the guest block of the policy language
    kernel "$PAYLOAD";
    cmdline "off from a file";
    memory 64M;
    cpus 2;
    rng;
}
CONF
run_guest file "$scratch/guest.conf"
expect file 0 'CASEMATE-PAYLOAD-OK off from a file' "a guest described in a file"

# -- GRUB's PVH image, made for Xen, starts unmodified and speaks. What it then looks for is Xen itself: a CPUID leaf with
#    Xen's signature and the hypercall page behind it, which KVM does not have; so it says that and halts.
start grub --kernel "$GUEST/grub-pvh.elf" --memory 128M
await_event grub running
await_console grub 'System halted' 60
like "$(console grub)" '^Found no Xen signature!$' "GRUB's PVH image starts and finds that this is not Xen"
like "$(console grub)" '^System halted!$' "and halts"
force grub
is "$CODE" 0 "which can be ended"

if ! stock_kernels; then
    skip "$NO_STOCK" 1
    left_nothing boot
    done_testing
    exit
fi

# -- Debian's kernel, unmodified: as the bzImage that it comes as
run_debian bz marker,cpus,rng,cmdline,flags --cpus 2 --rng --show-confinement --cpu v2
expect bz 0 'guest: ok marker CASEMATE-GUEST-OK' "Debian's bzImage boots and powers off"
like "$(console bz)" '^guest: ok cpus 0-1 2$' "2 vCPUs are online in the guest"
like "$(console bz)" '^guest: ok cmdline console=ttyS0 quiet panic=-1 casemate.test=marker,cpus,rng,cmdline,flags *$' \
    "the kernel command line arrives as it was given"
steps_ok bz rng
like "$(console bz)" '^guest: ok rng virtio_rng\.0 1024 bytes$' "1024 bytes from /dev/hwrng, not twice the same: they are the host's"
like "$(stderr bz)" '^vmm +[0-9]+ +2[0-9]{9} ' "--show-confinement prints the VMM's row"
kib=$(console bz | sed -nE 's/^guest: kernel .* ([0-9]+) kB$/\1/p')
ok "256M of memory arrive (${kib:-no} KiB usable)" test "${kib:-0}" -gt 170000 -a "${kib:-0}" -le 262144
flags() { echo " $(console "$1" | sed -n 's/^guest: ok flags //p') "; }
like "$(flags bz)" ' sse4_2 ' "--cpu v2 gives sse4_2"
unlike "$(flags bz)" ' (bmi2|avx2) ' "--cpu v2 hides bmi2 and avx2, which the host has"

# -- and as the ELF image in it, with memory above the PCI hole where the host has as much (make soak's has)
host=$(awk '/^MemTotal/ { print $2 }' /proc/meminfo)
if [ "$host" -gt $((4608 * 1024)) ]; then big=4G; else big=256M; fi
BOOT_KERNEL=$GUEST/vmlinux MEMORY=$big run_debian elf marker,clock,sleep1,flags --cpu v3
expect elf 0 'guest: ok marker CASEMATE-GUEST-OK' "the ELF vmlinux in it boots and powers off"
like "$(console elf)" '^guest: ok clock (kvm-clock|tsc) ' "its clock is KVM's"
slept=$(console elf | awk '/^guest: ok sleep1/ { print ($5 - $4 >= 0.9 && $5 - $4 < 10) ? "a second" : $5 - $4 }')
is "$slept" "a second" "a second of the guest lasts about a second"
# avx2 as well, but Linux gives up XSAVE, and with it AVX, on the test host's emulated CPU.
like "$(flags elf)" ' bmi2 ' "--cpu v3 gives bmi2"
kib=$(console elf | sed -nE 's/^guest: kernel .* ([0-9]+) kB$/\1/p')
if [ "$big" = 4G ]; then
    ok "4G of memory, some of it above the PCI hole, arrive (${kib:-no} KiB usable)" test "${kib:-0}" -gt 3800000
else
    skip "this host has $((host / 1024)) MiB, too little for a guest with memory above 3 GiB"
fi

run_payload cpu-v4 off --cpu v4
if [ "$CODE" = 0 ]; then
    pass "--cpu v4 starts on a host that has it"
else
    expect_error cpu-v4 2 'cannot give the CPU model' "--cpu v4 is refused where the host lacks it"
fi

run_payload little off
expect little 0 CASEMATE-PAYLOAD-OK "the smallest memory, 32M"

# -- huge pages
pages=$(cat /proc/sys/vm/nr_hugepages)
if echo $((pages + 40)) >/proc/sys/vm/nr_hugepages && [ "$(cat /proc/sys/vm/nr_hugepages)" -ge $((pages + 40)) ]; then
    start huge --kernel "$PAYLOAD" --memory 64M --cmdline halt --huge-pages
    await_event huge running
    like "$(grep -h . /proc/"$(pid_of huge vmm)"/smaps 2>/dev/null | grep -A 25 guest-ram)" 'KernelPageSize: +2048 kB' \
        "--huge-pages: the guest's memory is in pages of 2 MiB"
    force huge
else
    skip "no huge pages to be had on this host"
fi
echo "$pages" >/proc/sys/vm/nr_hugepages

left_nothing boot
done_testing
