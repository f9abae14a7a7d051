# SPDX-License-Identifier: Apache-2.0
# TAP for live tests. A test sources it first:
#
#     . "$(dirname "$0")/lib/tap.sh"
#     plan 3
#     run casemate run --kernel /nonexistent
#     is "$status" 3 "a missing kernel is a system error"
#     like "$err" "/nonexistent" "the message names the file"
#     ok "nothing is left" test -z "$(pgrep casemate)"
#
# Each test has $scratch, a directory of its own that goes away, and at_exit for what else must.

set -u
tap_count=0 tap_failed=0 tap_planned='' tap_pid=$BASHPID tap_cleanup=()
status=0 out='' err=''
scratch=$(mktemp -d "${TMPDIR:-/var/tmp}/live-XXXXXX")
mkfifo "$scratch/.silence"

# plan N: how many tests follow. Without a plan, end with done_testing.
plan() {
    tap_planned=$1
    echo "1..$1"
}
done_testing() { plan "$tap_count"; }

# skip_all REASON: nothing of this file can run here
skip_all() {
    echo "1..0 # SKIP $*"
    tap_planned=0
    exit 0
}

# diag TEXT...: lines for the reader
diag() { printf '%s\n' "$*" | sed 's/^/# /'; }

pass() { tap_count=$((tap_count + 1)) && echo "ok $tap_count - $*"; }
fail() {
    tap_count=$((tap_count + 1)) tap_failed=$((tap_failed + 1))
    echo "not ok $tap_count - $*"
    return 1
}

# skip REASON [N]: the next N tests (default 1) cannot run here
skip() {
    local n
    for ((n = ${2:-1}; n > 0; n--)); do
        tap_count=$((tap_count + 1))
        echo "ok $tap_count # SKIP $1"
    done
}

# ok NAME COMMAND...: passes when the command succeeds; shows what it said when not
ok() {
    local name=$1 said
    shift
    if said=$("$@" 2>&1); then
        pass "$name"
    else
        fail "$name"
        diag "failed: $*"
        [ -z "$said" ] || diag "$said"
        return 1
    fi
}

# is GOT WANT NAME, isnt GOT UNWANTED NAME
is() {
    if [ "$1" = "$2" ]; then pass "$3"; else fail "$3"; diag "     got: $1"; diag "expected: $2"; return 1; fi
}
isnt() {
    if [ "$1" != "$2" ]; then pass "$3"; else fail "$3"; diag "got what should not be: $1"; return 1; fi
}

# Under software emulation a program takes a tenth of a second to start: what a test does all the time, the shell does.

# line_matches LINE REGEX: an extended regular expression; a wrong one ends the test
line_matches() {
    [[ $1 =~ $2 ]] && return
    [ $? -eq 1 ] || { diag "no regular expression: $2"; exit 1; }
    return 1
}

# matches TEXT REGEX: whether a line of it does
matches() {
    local line
    while IFS= read -r line; do
        ! line_matches "$line" "$2" || return 0
    done <<<"$1"
    return 1
}

# like TEXT REGEX NAME, unlike TEXT REGEX NAME (searched line by line)
like() {
    if matches "$1" "$2"; then pass "$3"; else fail "$3"; diag "does not match /$2/:"; diag "$1"; return 1; fi
}
unlike() {
    if ! matches "$1" "$2"; then pass "$3"; else fail "$3"; diag "matches /$2/:"; diag "$1"; return 1; fi
}

# run COMMAND...: sets $status, $out and $err; never longer than $run_seconds (default 60)
run() {
    timeout -k 5 "${run_seconds:-60}" "$@" >"$scratch/.out" 2>"$scratch/.err" </dev/null && status=0 || status=$?
    { out=$(<"$scratch/.out") err=$(<"$scratch/.err"); } 2>/dev/null # without bash's word on zero bytes
}

# exits CODE NAME COMMAND...: the command ends with that code
exits() {
    local code=$1 name=$2
    shift 2
    run "$@"
    is "$status" "$code" "$name" || { diag "stderr: $err"; return 1; }
}

# 20 ms, unless somebody writes into the silence
pause() { read -rt 0.02 <>"$scratch/.silence" || :; }

# wait_for SECONDS COMMAND...: until the command succeeds; fails when it did not in time
wait_for() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || return 1
        pause
    done
}

# at_exit COMMAND...: runs when the test ends, however it does; the last first
at_exit() { tap_cleanup=("$(printf '%q ' "$@")" "${tap_cleanup[@]}"); }

# audit_mark: remembers where the audit log ends. audit_since [TYPE]: the records that came after, once all are there.
audit_mark() {
    audit_sync
    tap_audit_from=$(stat -c %s "$AUDIT_LOG")
}
audit_since() {
    audit_sync
    tail -c "+$((tap_audit_from + 1))" "$AUDIT_LOG" | grep -E "^type=${1:-[A-Z]}" | grep -v 'live test marker'
}
# A record of our own takes the same way as the kernel's: when it is there, those before it are.
audit_sync() {
    local marker="live test marker $RANDOM$RANDOM"
    [ -n "${AUDIT_LOG:-}" ] || { diag "no AUDIT_LOG: not in the test host"; return 1; }
    auditctl -m "$marker" >/dev/null
    wait_for 10 grep -q "$marker" "$AUDIT_LOG"
}

# in_test_host: SELinux enforces here, and audit records come to $AUDIT_LOG
in_test_host() { [ -n "${CASEMATE_TESTHOST:-}" ]; }

tap_end() {
    local code=$? command
    [ "$BASHPID" = "$tap_pid" ] || exit $code
    trap - EXIT
    for command in ${tap_cleanup[@]+"${tap_cleanup[@]}"}; do
        eval "$command" >/dev/null 2>&1
    done
    rm -rf --one-file-system "$scratch"
    if [ -z "$tap_planned" ]; then
        echo "# ended without a plan"
        exit 1
    elif [ "$tap_count" -ne "$tap_planned" ]; then
        echo "# planned $tap_planned tests but ran $tap_count"
        exit 1
    fi
    [ "$tap_failed" -eq 0 ] || exit 1
    exit $code
}
trap tap_end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
