# SPDX-License-Identifier: Apache-2.0
# Step 1 of the image: what depends on Debian only, and takes most of a minute. Sourced by build-image.sh.
#
# Makes: root.ext4 (labelled root file system), vmlinuz (Debian's unmodified cloud kernel), modules/ (its modules),
# cil/ (Debian's policy modules), contexts/ (its file contexts), modules.list (what the host loads at its start),
# grub-pvh.elf (GRUB's PVH image), base.fc (the file contexts that cil/ alone gives).

# Modules that the host loads before anything runs; everything else is a modprobe away.
ROOT_MODULES='virtio_pci virtio_console kvm_amd tun'

root_key() { digest tests/host/image-root.sh tests/host/image-packages; }

make_root() {
    local out=$1 root=$1/root packages kernel
    packages=$(sed -e 's/[[:space:]]*#.*//' -e '/^$/d' "$HOST_DIR/image-packages" | paste -sd,)
    say "building the Debian root file system with mmdebstrap (about a minute, only the first time)"
    # Downloads happen in the new root, whose package lists are fresh whatever this machine's are.
    # shellcheck disable=SC2016
    mmdebstrap --quiet --variant=minbase --mode=root \
        --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Retries "3"' \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' --include="$packages" \
        --customize-hook='mkdir "$1/debs" && chroot "$1" sh -c "cd /debs && apt-get -q download grub-xen-host \
            \$(apt-cache depends linux-image-cloud-amd64 | sed -n \"s/.*Depends: //p\")"' \
        "$SUITE" "$root" >"$out/mmdebstrap.log" 2>&1 || {
        tail -n 5 "$out/mmdebstrap.log" >&2
        return 1
    }
    say "unpacking the kernel, labelling and packing the root file system (about 10 s)"
    dpkg -x "$root"/debs/linux-image-*-cloud-amd64_*.deb "$out/kernel"
    dpkg -x "$root"/debs/grub-xen-host_*.deb "$out/grub"
    rm -rf "$root/debs"
    cp "$out"/kernel/boot/vmlinuz-* "$out/vmlinuz"
    cp "$out/grub/usr/lib/grub-xen/grub-i386-xen_pvh.bin" "$out/grub-pvh.elf"
    kernel=$(basename "$out"/kernel/lib/modules/*)
    mkdir -p "$root/lib/modules"
    mv "$out/kernel/lib/modules/$kernel" "$root/lib/modules/"
    rm -rf "$out/kernel" "$out/grub"
    depmod -b "$root" "$kernel"
    echo "$kernel" >"$out/release"
    local module
    for module in $ROOT_MODULES; do
        modprobe -d "$root" -S "$kernel" --show-depends "$module"
    done | awk -v root="$root" '$1 == "insmod" && !seen[$2]++ { sub("^" root, "", $2); print $2 }' \
        >"$out/modules.list"
    grep -q kvm-amd "$out/modules.list"

    sed -i 's/^SELINUX=.*/SELINUX=enforcing/' "$root/etc/selinux/config"
    echo testhost >"$root/etc/hostname"
    printf '127.0.0.1 localhost testhost\n' >"$root/etc/hosts"
    ln -sf /proc/self/mounts "$root/etc/mtab"
    mkdir -p "$root/var/lib/testhost"
    # Overwritten at each start, before there is a policy: it must have its label by then.
    touch "$root/etc/selinux/default/contexts/files/file_contexts.local"

    mkdir "$out/cil"
    local dir
    for dir in "$root"/var/lib/selinux/default/active/modules/100/*/; do
        # A module that Debian ships disabled has no CIL in the store.
        [ ! -e "$dir/cil" ] || bzcat "$dir/cil" >"$out/cil/$(basename "$dir").cil"
    done
    cp -r "$root/etc/selinux/default/contexts/files" "$out/contexts"
    secilc -m -c 33 -o "$out/base.policy" -f "$out/base.fc" "$out"/cil/*.cil
    cmp "$out/base.policy" "$root/etc/selinux/default/policy/policy.33" || {
        say "the policy modules in Debian's store do not give Debian's policy"
        return 1
    }
    setfiles -F -r "$root" -c "$out/base.policy" "$out/contexts/file_contexts" "$root"
    # Sparse: the run writes into a throw-away layer above it.
    mke2fs -q -t ext4 -O ^has_journal -m 0 -E root_owner=0:0 -d "$root" "$out/root.ext4" 3G >/dev/null
    mv "$root/lib/modules/$kernel" "$out/modules"
    rm -rf --one-file-system "$root"
}
