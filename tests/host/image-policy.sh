# SPDX-License-Identifier: Apache-2.0
# Step 2 of the image: Debian's policy with our CIL in it, and the initial RAM file system that brings it into the
# host. Takes some seconds after a change of our policy. Sourced by build-image.sh.
#
# Makes: policy.33, contexts/ (file contexts to label files with outside the host), file_contexts.local (ours alone),
# initrd.img.

our_cil() { find tests/host/policy mac/selinux -name '*.cil' 2>/dev/null | LC_ALL=C sort; }
our_fc() { find tests/host/policy mac/selinux -name '*.fc' 2>/dev/null | LC_ALL=C sort; }

policy_key() {
    local root_name=$1
    # shellcheck disable=SC2046
    (cd "$TOP_DIR" && echo "$root_name" "$(digest tests/host/image-policy.sh $(our_cil; our_fc))") |
        sha256sum | cut -c1-16
}

make_policy() {
    local out=$1 root=$CACHE_DIR/$ROOT_NAME
    say "compiling Debian's SELinux policy with ours (about 5 s)"
    # Debian asserts that only what is in `domain` acts as a process. Ours are not in it, with a reason (see the head of
    # mac/selinux/casemate.cil). Those assertions go; all others are checked, and ours with them.
    cat "$root"/cil/*.cil | grep -v '^(neverallow .*(process (\(fork \)\?transition ' >"$out/base.cil"
    # shellcheck disable=SC2046
    (cd "$TOP_DIR" && secilc -m -c 33 -o "$out/policy.33" -f "$out/all.fc" "$out/base.cil" $(our_cil)) || return 1
    rm "$out/base.cil"
    cp -r "$root/contexts" "$out/contexts"
    # Ours are the file contexts that our CIL adds, and our .fc files.
    {
        comm -13 <(LC_ALL=C sort "$root/base.fc") <(LC_ALL=C sort "$out/all.fc")
        # shellcheck disable=SC2046
        (cd "$TOP_DIR" && cat /dev/null $(our_fc))
    } >"$out/file_contexts.local"
    cp "$out/file_contexts.local" "$out/contexts/"
    setfiles -c "$out/policy.33" "$out/file_contexts.local" || return 1
}

init_key() {
    local policy_name=$1
    # shellcheck disable=SC2046
    (cd "$TOP_DIR" && echo "$policy_name" "$(digest tests/host/image-policy.sh tests/host/init/*)") | sha256sum | cut -c1-16
}

# What the root disk lies on, and what else is loaded at the start; everything else is a modprobe away.
EARLY_MODULES='virtio_pci virtio_blk'
LATE_MODULES='kvm_amd virtio_console tun'

# module_files TREE MODULE...: the files of the modules and of what they need, in order, as the root disk names them
module_files() {
    local tree=$1 root=$CACHE_DIR/$ROOT_NAME kernel module
    shift
    kernel=$(cat "$root/release")
    mkdir -p "$tree/lib/modules"
    ln -sfn "$(realpath "$root/modules")" "$tree/lib/modules/$kernel"
    for module in "$@"; do
        modprobe -d "$tree" -S "$kernel" --show-depends "$module"
    done | awk -v tree="$tree" '$1 == "insmod" && !seen[$2]++ { print substr($2, length(tree) + 1) }'
    rm -r "$tree/lib"
}

make_init() {
    local out=$1 policy=$CACHE_DIR/$POLICY_NAME tree=$1/tree
    mkdir "$tree"
    "${CC:-cc}" -std=gnu17 -D_GNU_SOURCE -O2 -Wall -Wextra -Wshadow -Wconversion -static \
        -o "$tree/init" "$HOST_DIR"/init/*.c || return 1
    strip "$tree/init"
    cp "$policy/policy.33" "$policy/file_contexts.local" "$tree/"
    # The first are loaded before there is a root disk, so they come along; the others have their labels there.
    local file
    # shellcheck disable=SC2086
    for file in $(module_files "$tree" $EARLY_MODULES); do
        cp "$CACHE_DIR/$ROOT_NAME/modules/${file#/lib/modules/*/}" "$tree/" && echo "/${file##*/}"
    done >"$tree/modules.early"
    # shellcheck disable=SC2086
    module_files "$tree" $LATE_MODULES >"$tree/modules.late"
    grep -q virtio_blk "$tree/modules.early" && grep -q kvm-amd "$tree/modules.late" || return 1
    (cd "$tree" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0) >"$out/initrd.img"
    rm -rf "$tree"
}
