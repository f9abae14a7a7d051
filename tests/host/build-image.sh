#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# build-image.sh [DIRECTORY]
#
# Builds the test host's image, or what of it is out of date, and puts links to its parts into DIRECTORY (default: the
# cache's `current`): root.ext4, vmlinuz, initrd.img, policy.33, contexts, modules, grub-pvh.elf, tpm. Quick and silent when nothing
# changed. The parts themselves lie in $CASEMATE_CACHE (default build/testhost), each under a hash of what made it.

. "$(dirname "$0")/lib.sh"
. "$HOST_DIR/image-root.sh"
. "$HOST_DIR/image-policy.sh"
. "$HOST_DIR/image-bare.sh"

need mmdebstrap secilc setfiles mke2fs cpio swtpm_setup bzcat depmod
[ "$(id -u)" -eq 0 ] || fail "building the image needs root (mmdebstrap, labels)"
out=${1:-$CACHE_DIR/current}

# A TPM that has been manufactured: endorsement key made, SHA-256 bank on. Each run gets a copy.
tpm_key() { digest tests/host/build-image.sh; }
make_tpm() {
    mkdir "$1/state"
    swtpm_setup --tpm2 --tpmstate "$1/state" --runas root --pcr-banks sha256 --createek --allow-signing \
        --decryption --logfile "$1/setup.log" --overwrite >/dev/null || {
        tail -n 3 "$1/setup.log" >&2
        return 1
    }
}

ROOT_NAME=root-$(root_key)
cached "$ROOT_NAME" make_root
POLICY_NAME=policy-$(policy_key "$ROOT_NAME")
cached "$POLICY_NAME" make_policy
INIT_NAME=init-$(init_key "$POLICY_NAME")
cached "$INIT_NAME" make_init
BARE_NAME=bare-$(bare_key "$ROOT_NAME")
cached "$BARE_NAME" make_bare
TPM_NAME=tpm-$(tpm_key)
cached "$TPM_NAME" make_tpm

link() { [ "$(readlink "$out/$2")" = "$1" ] || ln -sfn "$1" "$out/$2"; }
mkdir -p "$out"
for part in root.ext4 vmlinuz modules release cil grub-pvh.elf; do
    link "$CACHE_DIR/$ROOT_NAME/$part" "$part"
done
for part in policy.33 contexts file_contexts.local; do
    link "$CACHE_DIR/$POLICY_NAME/$part" "$part"
done
link "$CACHE_DIR/$INIT_NAME/initrd.img" initrd.img
link "$CACHE_DIR/$BARE_NAME/bare.33" bare.33
link "$CACHE_DIR/$BARE_NAME/permissive.33" permissive.33
link "$CACHE_DIR/$TPM_NAME/state" tpm
