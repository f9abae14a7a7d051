#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Installs what tests/host/packages lists and this machine lacks. Says nothing when there is nothing to do.
set -euo pipefail
cd "$(dirname "$0")"
export DEBIAN_FRONTEND=noninteractive

mapfile -t wanted < <(sed -e 's/#.*//' -e '/^[[:space:]]*$/d' -e 's/[[:space:]]//g' packages)

# Of packages of which dpkg knows nothing, dpkg-query speaks on stderr only; so take the installed from the wanted.
missing_packages() {
    comm -23 <(printf '%s\n' "${wanted[@]}" | sort -u) \
        <({ dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null || true; } |
            sed -n 's/^installed //p' | sort -u)
}

mapfile -t missing < <(missing_packages)
[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" -ne 0 ]; then
    echo "packages: run as root, or install: ${missing[*]}" >&2
    exit 1
fi

echo "packages: installing ${#missing[@]} Debian packages (a minute or two): ${missing[*]}" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for attempt in 1 2 3; do
    if apt-get -q -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 update >"$log" 2>&1 &&
        apt-get -q -y -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 \
            install --no-install-recommends "${missing[@]}" >>"$log" 2>&1; then
        mapfile -t missing < <(missing_packages)
        [ ${#missing[@]} -eq 0 ] && exit 0
    fi
    echo "packages: attempt $attempt failed: $(grep -E '^E:' "$log" | tail -n 1)" >&2
done
tail -n 20 "$log" >&2
echo "packages: could not install: ${missing[*]}" >&2
exit 1
