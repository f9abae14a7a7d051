# SPDX-License-Identifier: Apache-2.0
# The guest whose root disk is encrypted. Sourced by build-guest.sh.
#
#   unlock.img   initrd.img with dist/guest/casemate-unlock and what it needs: tpm2-tools, cryptsetup, dm-crypt
#   root.luks    a small root file system, LUKS2         disk.key     what it is encrypted with
#
# Nothing of it is secret but in the tests.

UNLOCK_MODULES='dm_crypt xts aesni_intel algif_skcipher'
UNLOCK_TOOLS='tpm2_createek tpm2_flushcontext tpm2_import tpm2_load tpm2_pcrextend tpm2_pcrread tpm2_policypcr
    tpm2_policysecret tpm2_startauthsession tpm2_unseal'

# add_program TREE FILE [DIRECTORY]: with the libraries that it is linked with, those of DIRECTORY first, where its loader
# looks for them
add_program() {
    local tree=$1 file=$2 library
    cp "$file" "$tree/bin/"
    LD_LIBRARY_PATH=${3:-} ldd "$file" | grep -o '/[^ ]*' | while read -r library; do
        [ "${library%/*}" != "${3:-}" ] || { install -D -m 755 "$library" "$tree/lib/x86_64-linux-gnu/${library##*/}" && continue; }
        [ -e "$tree$library" ] || install -D -m 755 "$library" "$tree$library"
    done
}

make_unlock() { # DIRECTORY TREE MODULES KERNEL: the tree is initrd.img's, and is left as it was
    local made=$1 tree=$1/unlock modules=$3 kernel=$4 module path tool
    cp -a "$2" "$tree"
    for module in $UNLOCK_MODULES; do
        modprobe -d "$modules" -S "$kernel" --show-depends "$module"
    done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r path; do
        ! [ -e "$tree/modules/${path##*/}" ] || continue
        cp "$path" "$tree/modules/"
        echo "${path##*/}" >>"$tree/modules/order"
    done
    grep -q dm-crypt.ko "$tree/modules/order"
    mkdir "$made/instead"
    echo 'CURL_GNUTLS_3 { global: *; };' >"$made/instead/versions"
    gcc -std=gnu17 -O2 -Wall -Wextra -Werror -fPIC -shared -s -Wl,-soname,libcurl-gnutls.so.4 \
        -Wl,--version-script,"$made/instead/versions" -o "$made/instead/libcurl-gnutls.so.4" "$HOST_DIR/guest/no-curl.c"
    add_program "$tree" "$(readlink -f "$(command -v tpm2)")" "$made/instead"
    for tool in $UNLOCK_TOOLS; do ln -s tpm2 "$tree/bin/$tool"; done
    add_program "$tree" "$(command -v cryptsetup)"
    # Loaded by name, so linked with nothing.
    path=$(ldconfig -p | awk '$1 == "libtss2-tcti-device.so.0" { print $NF; exit }')
    install -D -m 755 "$path" "$tree$path"
    install -m 755 "$TOP_DIR/dist/guest/casemate-unlock" "$tree/bin/"
    (cd "$tree" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0) | gzip -1 >"$made/unlock.img"
    rm -rf "$tree" "$made/instead"
}

make_encrypted() { # DIRECTORY TREE: the tree is the root disk's
    local made=$1
    mke2fs -q -t ext4 -O ^has_journal -m 0 -L casemate-root -E root_owner=0:0 -d "$2" "$made/root.luks" 8M
    # Moves the file system behind a header, in the file: no loop device, nothing mounted. Few iterations, since the key
    # is no password, and the guest's CPU may be emulated.
    truncate -s +16M "$made/root.luks"
    head -c 32 /dev/urandom >"$made/disk.key"
    cryptsetup reencrypt --encrypt --type luks2 --reduce-device-size 16M --cipher aes-xts-plain64 --batch-mode \
        --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file "$made/disk.key" "$made/root.luks" >/dev/null
}
