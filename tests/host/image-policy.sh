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
    # shellcheck disable=SC2046
    (cd "$TOP_DIR" && secilc -m -c 33 -o "$out/policy.33" -f "$out/all.fc" "$root"/cil/*.cil $(our_cil)) || return 1
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
    (cd "$TOP_DIR" && echo "$policy_name" "$(digest tests/host/init/*)") | sha256sum | cut -c1-16
}

make_init() {
    local out=$1 policy=$CACHE_DIR/$POLICY_NAME tree=$1/tree
    mkdir "$tree"
    "${CC:-cc}" -std=gnu17 -D_GNU_SOURCE -O2 -Wall -Wextra -Wshadow -Wconversion -static \
        -o "$tree/init" "$HOST_DIR"/init/*.c || return 1
    strip "$tree/init"
    cp "$policy/policy.33" "$policy/file_contexts.local" "$CACHE_DIR/$ROOT_NAME/modules.list" "$tree/"
    (cd "$tree" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0) >"$out/initrd.img"
    rm -rf "$tree"
}
