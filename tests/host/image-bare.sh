# SPDX-License-Identifier: Apache-2.0
# Beside the image: the policies of a host on which Casemate's module is not installed, and of one on which it is, but
# a domain of the first tenant's is permissive. For tests that load them in the running test host. Sourced by
# build-image.sh. Makes: bare.33, permissive.33

bare_key() {
    local root_name=$1
    # shellcheck disable=SC2046
    (cd "$TOP_DIR" && echo "$root_name" "$(digest tests/host/image-bare.sh $(our_cil))") | sha256sum | cut -c1-16
}

make_bare() {
    local out=$1 root=$CACHE_DIR/$ROOT_NAME
    (cd "$TOP_DIR" && secilc -m -c 33 -o "$out/bare.33" -f /dev/null "$root"/cil/*.cil tests/host/policy/*.cil)
    echo '(typepermissive casemate_tenant_0001.blk_t)' >"$out/permissive.cil"
    # Without assertions, which the image's own policy was built with.
    # shellcheck disable=SC2046
    (cd "$TOP_DIR" && secilc -N -m -c 33 -o "$out/permissive.33" -f /dev/null "$root"/cil/*.cil $(our_cil) "$out/permissive.cil")
}
