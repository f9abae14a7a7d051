# SPDX-License-Identifier: Apache-2.0
# Event logs as an independent reader sees them: tpm2_eventlog. Sourced, by bash.

# read_log PREFIX: what PREFIX.log says, into PREFIX.yaml
read_log() { tpm2_eventlog "$1.log" >"$1.yaml"; }

# The rest takes a PREFIX whose log was read. The SHA-256 bank is what they speak of.
# replayed PREFIX PCR: its value at the log's end; nothing if no event extends it
replayed() {
    awk -v n="$2" '/^  sha256:/ { bank = 1; next } /^  sha/ { bank = 0 } bank && $1 == n { sub(/^0x/, "", $3); print $3 }' "$1.yaml"
}
# extended PREFIX: the PCRs that events extend
extended() { awk '/^  sha256:/ { bank = 1; next } /^  sha/ { bank = 0 } bank { printf "%s%s", s, $1; s = " " }' "$1.yaml"; }
# digests PREFIX PCR: of its events, in order; digest: of the first
digests() {
    awk -v n="$2" '/^  PCRIndex:/ { pcr = $2 } /AlgorithmId:/ { hit = pcr == n && $3 == "sha256" }
        hit && $1 == "Digest:" { gsub(/"/, "", $2); print $2; hit = 0 }' "$1.yaml"
}
digest() { digests "$@" | sed -n 1p; }
sum() { sha256sum | cut -d' ' -f1; }
# from_ones PREFIX PCR: the value of one that begins as all ones (17 to 22), which tpm2_eventlog takes for zero
from_ones() {
    local value digest
    value=$(printf 'f%.0s' {1..64})
    while read -r digest; do
        # shellcheck disable=SC2059
        value=$(printf "$(sed 's/../\\x&/g' <<<"$value$digest")" | sum)
    done < <(digests "$1" "$2")
    echo "$value"
}
# pcrs_file BANK SELECTION <VALUES: SHA-256 values of PCRs in hex, a line each, as the file that tpm2_checkquote takes: what
# is selected, and lists of eight digests each, structures of this machine. (Of raw values it takes no more than eight.)
pcrs_file() {
    local values hex zeroes i
    mapfile -t values
    printf -v zeroes '%02400d' 0
    hex=01000000$1$2${zeroes:0:244}$(printf %02x $(((${#values[@]} + 7) / 8)))000000
    for ((i = 0; i < ${#values[@]}; i++)); do
        [ $((i % 8)) -ne 0 ] || hex+=$(printf %02x $((${#values[@]} - i > 8 ? 8 : ${#values[@]} - i)))000000
        hex+=2000${values[i]}${zeroes:0:64}
    done
    while [ $((i % 8)) -ne 0 ]; do
        hex+=${zeroes:0:132} i=$((i + 1))
    done
    # shellcheck disable=SC2059
    printf "$(sed 's/../\\x&/g' <<<"$hex")"
}
