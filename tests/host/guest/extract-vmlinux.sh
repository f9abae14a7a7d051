#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# extract-vmlinux.sh BZIMAGE VMLINUX: the ELF kernel that a bzImage carries compressed.
#
# Where it lies is in the setup header (Documentation/arch/x86/boot.rst): payload_offset and payload_length, counted
# from the end of the setup sectors.
set -euo pipefail
[ $# -eq 2 ] || { echo "usage: extract-vmlinux.sh BZIMAGE VMLINUX" >&2; exit 2; }

field() { od -An -j "$(($1))" -N "$2" -t "u$2" --endian=little "$image" | tr -d ' '; }
image=$1
[ "$(field 0x202 4)" = $((0x53726448)) ] || {
    echo "$image: not a bzImage" >&2
    exit 1
}
setup_sectors=$(field 0x1f1 1)
[ "$setup_sectors" -ne 0 ] || setup_sectors=4
offset=$(((setup_sectors + 1) * 512 + $(field 0x248 4)))
length=$(field 0x24c 4)

payload=$(mktemp)
trap 'rm -f "$payload"' EXIT
tail -c +$((offset + 1)) "$image" | head -c "$length" >"$payload" || true
# All formats but gzip are followed by the unpacked size in four bytes, which the unpackers would take for garbage.
case $(od -An -N 6 -t x1 "$payload" | tr -d ' \n') in
1f8b*) unpack=(gzip -dc) size=$length ;;
fd377a585a00) unpack=(xz -dc) size=$((length - 4)) ;;
28b52ffd*) unpack=(zstd -dcq) size=$((length - 4)) ;;
02214c18*) unpack=(lz4 -dc) size=$((length - 4)) ;;
5d0000*) unpack=(xz --format=lzma -dc) size=$((length - 4)) ;;
425a68*) unpack=(bzip2 -dc) size=$((length - 4)) ;;
*)
    echo "$image: the kernel in it is packed in a way unknown here" >&2
    exit 1
    ;;
esac
head -c "$size" "$payload" | "${unpack[@]}" >"$2"
[ "$(head -c 4 "$2" | od -An -t x1 | tr -d ' \n')" = 7f454c46 ] || {
    echo "$image: what it carries is not an ELF file" >&2
    exit 1
}
