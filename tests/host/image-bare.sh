# SPDX-License-Identifier: Apache-2.0
# Beside the image: the policy of a host on which Casemate's module is not installed, for tests that load it in the
# running test host. Sourced by build-image.sh. Makes: bare.33

bare_key() {
    local root_name=$1
    (cd "$TOP_DIR" && echo "$root_name" "$(digest tests/host/image-bare.sh tests/host/policy/*.cil)") | sha256sum | cut -c1-16
}

make_bare() {
    local out=$1 root=$CACHE_DIR/$ROOT_NAME
    (cd "$TOP_DIR" && secilc -m -c 33 -o "$out/bare.33" -f /dev/null "$root"/cil/*.cil tests/host/policy/*.cil)
}
