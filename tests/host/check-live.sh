#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# check-live.sh [--here] [--verbose] [--hosts N] [--memory MIB] [--files 'SRC:DST ...'] [--timeout SECONDS] TEST.t...
#
# Runs live tests, each in a test host of its own, N hosts (default 2) side by side; with --here on this machine, one
# after the other. Sums them up, one line for each file and the whole output of those that failed. Into a host go the
# programs of build/bin (casemate and casemated to /usr/bin, the others to /usr/libexec/casemate), tests/live with its
# tools to /root/live and the guests' parts to /srv/guest. A host's results (audit log) come back into
# build/testhost/live/NAME. --timeout is for each test. With CASEMATE_TALLY=FILE the three numbers of the sum are appended
# to FILE. Exit code 1 if anything failed.
#
# The emulator now and then (once in a hundred boots of a guest) breaks the emulated host's own kernel, by nested SVM or a
# lost interrupt. A test whose host ended so is run once more in a new host, and that is said; a second time counts as a
# failure.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

here='' verbose='' files=() timeout='' hosts=2 memory=1500 bin=${CASEMATE_BIN:-$TOP_DIR/build/bin}
while [ $# -gt 0 ]; do
    case $1 in
    --here) here=1; shift; continue ;;
    --verbose) verbose=1; shift; continue ;;
    --*) ;;
    *) break ;;
    esac
    [ $# -ge 2 ] || fail "check-live.sh: $1 takes a value"
    case $1 in
    # shellcheck disable=SC2206
    --files) files+=($2) ;;
    --timeout) timeout=$2 ;;
    --hosts) hosts=$2 ;;
    --memory) memory=$2 ;;
    *) fail "check-live.sh: unknown option $1" ;;
    esac
    shift 2
done
[ $# -gt 0 ] || { say "no live tests to run"; echo "0 passed, 0 failed, 0 skipped"; exit 0; }
for test in "$@"; do
    [ -e "$test" ] || fail "$test: no such test"
done
seconds=${timeout:-${LIVE_SECONDS:-1800}}

work=$(mktemp -d "${TMPDIR:-/tmp}/live-XXXXXX")
trap 'code=$?; trap - EXIT; kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$work"; exit $code' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# The tests' own tools, which `make` builds.
tools=${CASEMATE_TOOLS:-$TOP_DIR/build/live}
"$HOST_DIR/guest/build-guest.sh"

# What goes into every host.
gather_files() {
    local program policy
    files+=("$HOST_DIR/live-runner.sh:/root/" "$TOP_DIR/tests/live:/root/live" "$CACHE_DIR/guest:/srv/guest"
        "$TOP_DIR/dist/systemd:/root/live/units")
    mkdir "$work/bin"
    for program in "$bin"/casemate*; do
        # As packages install them, without what is for debuggers: each start hashes them, on an emulated CPU.
        strip -o "$work/bin/${program##*/}" "$program"
        program=$work/bin/${program##*/}
        case ${program##*/} in
        casemate | casemated) files+=("$program:/usr/bin/") ;;
        casemate-attestd) files+=("$program:/usr/sbin/") ;;
        casemate-*) files+=("$program:/usr/libexec/casemate/") ;;
        esac
    done
    [ ! -d "$tools" ] || files+=("$tools:/root/live/bin")
    files+=("$HOST_DIR/policy/casemate_test.cil:/root/live/bin/")
    for policy in bare permissive; do
        [ ! -e "$CACHE_DIR/current/$policy.33" ] || files+=("$CACHE_DIR/current/$policy.33:/root/live/bin/$policy.policy")
    done
}

# in_host NAME: its stream to $work/NAME.stream, its exit code to $work/NAME.code
in_host() {
    local name=$1 try code
    for try in 1 2; do
        code=0
        CASEMATE_CACHE=$CACHE_DIR "$HOST_DIR/run.sh" --files "${files[*]}" --timeout $((seconds + 60)) --memory "$memory" \
            --results "$CACHE_DIR/live/$name" -- \
            "LIVE_SECONDS=$seconds CASEMATE_SOAK=${CASEMATE_SOAK:-} CASEMATE_GUEST=/srv/guest exec bash /root/live-runner.sh /root/live/$name.t" \
            >"$work/$name.stream" 2>"$work/$name.errors" || code=$?
        [ $code -eq $INFRASTRUCTURE ] && [ $try -eq 1 ] || break
        { echo "live/$name: its host ended, so the test is run once more in a new one:"; cat "$work/$name.errors"; } >&2
    done
    echo "$code" >"$work/$name.code"
}

on_this_machine() {
    local code=0
    LIVE_SECONDS=$seconds CASEMATE_BIN=$bin CASEMATE_TOOLS=$tools CASEMATE_GUEST=$CACHE_DIR/guest \
        "$HOST_DIR/live-runner.sh" "$2" >"$work/$1.stream" 2>"$work/$1.errors" || code=$?
    echo "$code" >"$work/$1.code"
}

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

passed=0 failed=0 skipped=0
summarise() { # NAME
    local name=$1 p f s line code ended status nanoseconds
    code=$(cat "$work/$name.code")
    grep -v '^@@ ' "$work/$name.stream" >"$work/tap" || true
    ended=$(grep "^@@ end $name " "$work/$name.stream" || true)
    read -r _ _ _ status nanoseconds <<<"${ended:-@@ end $name 1 0}"
    read -r p f s < <(count_tap "$work/tap")
    # A test that says nothing, ends in another way than its results say, or takes its host with it has failed.
    if [ "$status" -ne 0 ] || [ "$code" -ne 0 ] || [ $((p + f + s)) -eq 0 ]; then [ "$f" -gt 0 ] || f=1; fi
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    line="$p passed"
    [ "$f" -eq 0 ] || line+=", $f FAILED"
    [ "$s" -eq 0 ] || line+=", $s skipped"
    [ "$status" -ne 124 ] || line+=" (stopped after $seconds s)"
    printf '  %-44s %s (%d.%01d s)\n' "live/$name" "$line" $((nanoseconds / 1000000000)) $((nanoseconds / 100000000 % 10))
    if [ "$f" -gt 0 ] || [ -n "$verbose" ]; then
        sed 's/^/    | /' "$work/tap"
    elif [ "$s" -gt 0 ]; then
        sed -n 's/^\(ok [0-9]*\|1\.\.0\).*# SKIP */    skipped: /p' "$work/tap"
    fi
    if [ -z "$ended" ]; then
        echo "    its host ended before it did (exit code $code)"
        cat "$work/$name.errors"
    fi
}

declare -A summarised=()
summarise_the_done() {
    local test name
    for test in "$@"; do
        name=$(basename "$test" .t)
        [ -z "${summarised[$name]:-}" ] && [ -e "$work/$name.code" ] || continue
        summarised[$name]=1
        summarise "$name"
    done
}

if [ -n "$here" ]; then
    hosts=1
else
    [ -n "${CASEMATE_TESTHOST_IMAGE:-}" ] || "$HOST_DIR/build-image.sh"
    gather_files
    say "running $# live tests, each in a test host, $hosts at a time"
fi
# Those that boot whole kernels first, then the longest text, so that no long test is left for the end.
mapfile -t order < <(
    for test in "$@"; do
        case ${test##*/} in disk.t | net.t | end.t | boot.t | breakout.t | measured.t | release.t) kernels=1 ;; *) kernels=0 ;; esac
        printf '%d %d %s\n' "$kernels" "$(wc -c <"$test")" "$test"
    done | sort -k1,1rn -k2,2rn | cut -d' ' -f3-
)
running=0
for test in "${order[@]}"; do
    if [ "$running" -ge "$hosts" ]; then
        wait -n || true
        running=$((running - 1))
        summarise_the_done "$@"
    fi
    if [ -n "$here" ]; then on_this_machine "$(basename "$test" .t)" "$test" & else in_host "$(basename "$test" .t)" & fi
    running=$((running + 1))
done
while [ "$running" -gt 0 ]; do
    wait -n || true
    running=$((running - 1))
    summarise_the_done "$@"
done

[ -z "${CASEMATE_TALLY:-}" ] || echo "$passed $failed $skipped" >>"$CASEMATE_TALLY"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
