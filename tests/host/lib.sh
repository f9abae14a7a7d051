# SPDX-License-Identifier: Apache-2.0
# Shell functions that the test host's scripts share. Sourced, by bash.

set -euo pipefail
HOST_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TOP_DIR=$(cd "$HOST_DIR/../.." && pwd)
CACHE_DIR=${CASEMATE_CACHE:-$TOP_DIR/build/testhost}
SUITE=bookworm
INFRASTRUCTURE=125 # exit code of what is our fault and not the command's

say() { printf 'testhost: %s\n' "$*" >&2; }

# fail TEXT: an infrastructure failure, in one line
fail() {
    printf 'testhost: %s\n' "$*" >&2
    exit $INFRASTRUCTURE
}

# need PROGRAM...: says which package list to install when one is missing
need() {
    local program
    for program in "$@"; do
        command -v "$program" >/dev/null ||
            fail "$program is not installed; run tests/host/install-packages.sh"
    done
}

# digest FILE...: one short hash over names and contents
digest() { (cd "$TOP_DIR" && sha256sum -- "$@" /dev/null) | sha256sum | cut -c1-16; }

# cached NAME FUNCTION: makes $CACHE_DIR/NAME by FUNCTION DIRECTORY, once, whoever else runs at the same time.
# Nothing half made is ever seen under that name.
cached() {
    local name=$1 make=$2 target="$CACHE_DIR/$1" work
    [ -e "$target/.complete" ] && return 0
    mkdir -p "$CACHE_DIR"
    exec {lock}>"$CACHE_DIR/.lock-${name%-*}"
    flock "$lock"
    if ! [ -e "$target/.complete" ]; then
        work=$(mktemp -d "$CACHE_DIR/.work-XXXXXX")
        chmod 755 "$work"
        # Not on the left of && or ||: `set -e` would not hold inside.
        set +e
        (
            set -e
            "$make" "$work"
            touch "$work/.complete"
        )
        local status=$?
        set -e
        if [ $status -ne 0 ]; then
            rm -rf --one-file-system "$work"
            exec {lock}>&-
            fail "could not make $name in $CACHE_DIR"
        fi
        rm -rf "$target"
        mv "$work" "$target"
        # Older versions of the same step are of no use any more, but a run that started with one may still read it.
        # So are the remains of an interrupted build.
        find "$CACHE_DIR" -mindepth 1 -maxdepth 1 -mmin +60 \
            \( -name "${name%-*}-????????????????" ! -name "$name" -o -name '.work-*' \) \
            -exec rm -rf --one-file-system {} +
    fi
    exec {lock}>&-
}
