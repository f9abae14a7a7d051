#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# check-live.sh [--here] [--verbose] [--files 'SRC:DST ...'] [--timeout SECONDS] TEST.t...
#
# Runs live tests in the test host (with --here: on this machine) and sums them up, one line for each file and the
# whole output of those that failed. Into the host go the programs of build/bin (casemate to /usr/bin, the others to
# /usr/libexec/casemate), tests/live with its tools to /root/live and the guests' parts to /srv/guest. The host's results (audit log)
# come back into build/testhost/live. With CASEMATE_TALLY=FILE the three numbers of the sum are appended to FILE.
# Exit code 1 if anything failed.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

here='' verbose='' files=() timeout=1200 bin=${CASEMATE_BIN:-$TOP_DIR/build/bin}
while [ $# -gt 0 ]; do
    case $1 in
    --here) here=1 ;;
    --verbose) verbose=1 ;;
    # shellcheck disable=SC2206
    --files) files+=($2); shift ;;
    --timeout) timeout=$2; shift ;;
    --*) fail "check-live.sh: unknown option $1" ;;
    *) break ;;
    esac
    shift
done
[ $# -gt 0 ] || { say "no live tests to run"; echo "0 passed, 0 failed, 0 skipped"; exit 0; }
for test in "$@"; do
    [ -e "$test" ] || fail "$test: no such test"
done

work=$(mktemp -d "${TMPDIR:-/tmp}/live-XXXXXX")
runner=''
trap 'code=$?; trap - EXIT; [ -z "$runner" ] || kill "$runner" 2>/dev/null || true; wait; rm -rf "$work"; exit $code' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# The tests' own tools, which `make` builds.
tools=${CASEMATE_TOOLS:-$TOP_DIR/build/live}
"$HOST_DIR/guest/build-guest.sh"

if [ -n "$here" ]; then
    CASEMATE_BIN=$bin CASEMATE_TOOLS=$tools CASEMATE_GUEST=$CACHE_DIR/guest "$HOST_DIR/live-runner.sh" "$@" >"$work/stream" 2>&1 &
else
    [ -n "${CASEMATE_TESTHOST_IMAGE:-}" ] || "$HOST_DIR/build-image.sh"
    files+=("$HOST_DIR/live-runner.sh:/root/" "$TOP_DIR/tests/live:/root/live" "$CACHE_DIR/guest:/srv/guest")
    if [ -d "$bin" ]; then
        for program in "$bin"/*; do
            case ${program##*/} in
            casemate) files+=("$program:/usr/bin/") ;;
            *) files+=("$program:/usr/libexec/casemate/") ;;
            esac
        done
    fi
    [ ! -d "$tools" ] || files+=("$tools:/root/live/bin")
    [ ! -e "$CACHE_DIR/current/bare.33" ] || files+=("$CACHE_DIR/current/bare.33:/root/live/bin/bare.policy")
    names=()
    for test in "$@"; do names+=("/root/live/$(basename "$test")"); done
    say "running ${#names[@]} live tests in the test host"
    CASEMATE_CACHE=$CACHE_DIR "$HOST_DIR/run.sh" --files "${files[*]}" --timeout "$timeout" --memory 5200 --results "$CACHE_DIR/live" -- \
        "LIVE_SECONDS=${LIVE_SECONDS:-1800} CASEMATE_SOAK=${CASEMATE_SOAK:-} CASEMATE_GUEST=/srv/guest exec bash /root/live-runner.sh ${names[*]}" \
        >"$work/stream" 2>"$work/errors" &
fi
runner=$!

# From one test's output: "PASSED FAILED SKIPPED". Planned tests that did not come count as failed.
count_tap() {
    awk '
        /^1\.\.[0-9]+/                    { planned += substr($1, 4); if (/# SKIP/) skipped++; next }
        /^ok [0-9]+.*# SKIP/              { skipped++; counted++; next }
        /^ok [0-9]/                       { passed++; counted++; next }
        /^not ok [0-9]/                   { failed++; counted++; next }
        /^not ok/                         { failed++ }
        END { missing = planned - counted; print passed + 0, failed + (missing > 0 ? missing : 0), skipped + 0 }' "$1"
}

passed=0 failed=0 skipped=0 seen=0
summarise() { # NAME STATUS NANOSECONDS
    local p f s line
    read -r p f s < <(count_tap "$work/tap")
    [ "$2" -eq 0 ] || [ "$f" -gt 0 ] || f=1
    [ $((p + f + s)) -gt 0 ] || f=1
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    line="$p passed"
    [ "$f" -eq 0 ] || line+=", $f FAILED"
    [ "$s" -eq 0 ] || line+=", $s skipped"
    [ "$2" -ne 124 ] || line+=" (stopped after ${LIVE_SECONDS:-1800} s)"
    printf '  %-44s %s (%d.%01d s)\n' "live/$1" "$line" $(($3 / 1000000000)) $(($3 / 100000000 % 10))
    if [ "$f" -gt 0 ] || [ -n "$verbose" ]; then
        sed 's/^/    | /' "$work/tap"
    elif [ "$s" -gt 0 ]; then
        sed -n 's/^\(ok [0-9]*\|1\.\.0\).*# SKIP */    skipped: /p' "$work/tap"
    fi
}

current=''
while IFS= read -r text; do
    case $text in
    '@@ begin '*)
        current=${text#@@ begin }
        : >"$work/tap"
        ;;
    '@@ end '*)
        read -r _ _ name status nanoseconds <<<"$text"
        summarise "$name" "$status" "$nanoseconds"
        seen=$((seen + 1)) current=''
        ;;
    *) printf '%s\n' "$text" >>"$work/tap" ;;
    esac
done < <(tail -n +1 -f --pid="$runner" -s 0.2 "$work/stream" 2>/dev/null)

wait "$runner" && code=0 || code=$?
runner=''
[ ! -s "$work/errors" ] || cat "$work/errors" >&2
if [ -n "$current" ]; then
    summarise "$current" 1 0
    echo "    the host ended during $current"
    seen=$((seen + 1))
fi
if [ "$seen" -lt $# ] || [ "$code" -ne 0 ]; then
    echo "  live tests: $(($# - seen)) of $# did not run (exit code $code)"
    failed=$((failed + ($# > seen ? $# - seen : 1)))
fi
[ -z "${CASEMATE_TALLY:-}" ] || echo "$passed $failed $skipped" >>"$CASEMATE_TALLY"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
