#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# build-guest.sh [DIRECTORY]
#
# Puts what guests under test are made of into DIRECTORY (default: the cache's `guest`):
#   vmlinuz      Debian's cloud kernel, unmodified      vmlinux      the ELF kernel inside it
#   initrd.img   busybox, modules and tests/host/guest/init      root.ext4    the same as a root disk of 128 MiB
#   unlock.img, root.luks, disk.key   the same with an encrypted root disk: encrypted.sh
#   payload.elf  our own PVH guest of a few instructions         grub-pvh.elf GRUB as a PVH guest
#   sha256sums   of all of them
# Quick and silent when nothing changed. A test that writes to root.ext4 takes a copy of its own.

. "$(dirname "$0")/../lib.sh"
. "$HOST_DIR/image-root.sh"
. "$HOST_DIR/guest/encrypted.sh"

need mke2fs cpio modprobe gcc busybox tpm2 cryptsetup
ROOT_NAME=root-$(root_key)
[ -e "$CACHE_DIR/$ROOT_NAME/.complete" ] || "$HOST_DIR/build-image.sh"
root=$CACHE_DIR/$ROOT_NAME
out=${1:-$CACHE_DIR/guest}

GUEST_MODULES='virtio_pci virtio_blk virtio_net virtio_rng vsock button evdev'

guest_key() {
    (cd "$TOP_DIR" && echo "$ROOT_NAME" "$(digest tests/host/guest/* tests/host/guest/payload/* dist/guest/* 2>/dev/null)") |
        sha256sum | cut -c1-16
}

make_guest() {
    local made=$1 tree=$1/tree kernel modules=$1/modules module path
    say "building the guests under test: kernel, initrd, root disk, payload (about 5 s)"
    kernel=$(cat "$root/release")
    cp "$root/vmlinuz" "$root/grub-pvh.elf" "$made/"
    "$HOST_DIR/guest/extract-vmlinux.sh" "$made/vmlinuz" "$made/vmlinux"

    mkdir -p "$tree"/{bin,proc,sys,dev,tmp,mnt,modules} "$modules/lib/modules"
    cp /bin/busybox "$tree/bin/busybox"
    ln -s busybox "$tree/bin/sh"
    install -m 755 "$HOST_DIR/guest/init" "$tree/init"
    gcc -std=gnu17 -O2 -Wall -Wextra -Werror -D_GNU_SOURCE -static -s -o "$tree/bin/zero" "$HOST_DIR/guest/zero.c"
    mknod "$tree/dev/console" c 5 1
    ln -s "$(realpath "$root/modules")" "$modules/lib/modules/$kernel"
    for module in $GUEST_MODULES; do
        modprobe -d "$modules" -S "$kernel" --show-depends "$module"
    done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' >"$made/list"
    while read -r path; do
        cp "$path" "$tree/modules/"
        basename "$path" >>"$tree/modules/order"
    done <"$made/list"
    grep -q virtio_net.ko "$tree/modules/order"
    (cd "$tree" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0) | gzip -1 >"$made/initrd.img"
    make_unlock "$made" "$tree" "$modules" "$kernel"

    # The root disk needs no modules: who mounts it has loaded them.
    rm -rf "$tree/modules"
    (cd "$tree/bin" && ./busybox --list | grep -v '^busybox$' | xargs -I{} ln -sf busybox {})
    mke2fs -q -t ext4 -m 0 -L casemate-root -E root_owner=0:0 -d "$tree" "$made/root.ext4" 128M >/dev/null
    make_encrypted "$made" "$tree"
    rm -rf "$tree" "$modules" "$made/list"

    gcc -std=gnu17 -m32 -march=i386 -Os -Wall -Wextra -Werror -Wno-int-to-pointer-cast -ffreestanding -fno-pic -fno-pie \
        -fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables -mno-sse \
        -c -o "$made/payload.o" "$HOST_DIR/guest/payload/payload.c"
    ld -m elf_i386 -nostdlib --build-id=none -z noexecstack -T "$HOST_DIR/guest/payload/payload.ld" \
        -o "$made/payload.elf" "$made/payload.o"
    rm "$made/payload.o"
    (cd "$made" && sha256sum $GUEST_PARTS >sha256sums)
}

GUEST_PARTS='vmlinuz vmlinux initrd.img root.ext4 payload.elf grub-pvh.elf unlock.img root.luks disk.key'
GUEST_NAME=guest-$(guest_key)
cached "$GUEST_NAME" make_guest
mkdir -p "$out"
if ! cmp -s "$CACHE_DIR/$GUEST_NAME/sha256sums" "$out/sha256sums"; then
    for part in $GUEST_PARTS sha256sums; do
        cp --sparse=always --reflink=auto "$CACHE_DIR/$GUEST_NAME/$part" "$out/$part"
    done
fi
