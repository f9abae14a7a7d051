#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# run.sh [--files 'SRC[:DST] ...'] [--results DIR] [--timeout SECONDS] [--memory MIB] [--cpus N] [--log FILE]
#        [--append TEXT] [--qemu OPTION]... [--cold] [--shell] -- COMMAND [ARGUMENT...]
#
# Starts the test host, copies the files in, runs the command there in the test domain with SELinux enforcing, passes
# its stdout and stderr on as they come and ends with its exit code. One argument is a shell command; several are a
# program and its arguments, taken literally. What the command leaves in $RESULTS comes back into --results DIR, with
# the audit records of the run (from before the policy was loaded) in audit.log there.
#
# With the default memory, CPUs and kernel command line the host goes on from a snapshot of its end of boot (taken by the
# first such run), which takes half a second; --cold boots it.
#
# SRC is a file or directory. DST is an absolute path, or ends with / to name the directory it goes into; without it
# SRC goes into /root. Files are labelled as the host's file contexts say.
#
# Exit codes of our own: 124 the timeout passed, 125 the test host failed, 130 and 143 interrupted.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$HOST_DIR/machine.sh"

usage() { fail "usage: run.sh [--files 'SRC[:DST] ...'] [--results DIR] [--timeout S] [--memory MIB] [--cpus N] [--log FILE] [--append TEXT] [--qemu OPTION]... [--cold] (--shell | -- COMMAND...)"; }

files=() qemu_more=() results='' timeout=300 memory=1500 cpus=2 log='' append='' shell='' cold=''
while [ $# -gt 0 ]; do
    case $1 in
    --shell) shell=1; shift; continue ;;
    --cold) cold=1; shift; continue ;;
    --) shift; break ;;
    --*) [ $# -ge 2 ] || usage ;;
    *) usage ;;
    esac
    case $1 in
    # shellcheck disable=SC2206
    --files) files+=($2) ;;
    --results) results=$2 ;;
    --timeout) timeout=$2 ;;
    --memory | --mem) memory=$2 ;;
    --cpus) cpus=$2 ;;
    --log) log=$2 ;;
    --append) append=$2 ;;
    --qemu) qemu_more+=("$2") ;;
    *) usage ;;
    esac
    shift 2
done
[ $# -gt 0 ] || [ -n "$shell" ] || usage
need qemu-system-x86_64 qemu-img setpriv swtpm setfiles tar
[ "$cpus/$memory/$append" = 2/1500/ ] && [ ${#qemu_more[@]} -eq 0 ] && [ -z "$shell" ] || cold=1

# What is tested is the tree as it is: building is quick when nothing changed. Who is changing the policy may hold on to
# an image that works.
image=${CASEMATE_TESTHOST_IMAGE:-$CACHE_DIR/current}
[ -n "${CASEMATE_TESTHOST_IMAGE:-}" ] || "$HOST_DIR/build-image.sh"

if [ -z "$cold" ]; then
    warm_image=$image warm_cpus=$cpus warm_memory=$memory
    warm_name=warm-$(warm_key "$image" "$cpus" "$memory")
    cached "$warm_name" make_warm
    warm=$CACHE_DIR/$warm_name
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/testhost-XXXXXX")
cleanup() {
    local code=$?
    trap - EXIT INT TERM HUP
    [ ${#pids[@]} -eq 0 ] || kill -KILL "${pids[@]}" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf --one-file-system "$work"
    exit $code
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# The console's log outlives the run only when something went wrong with the host itself.
host_failed() {
    local kept=$log
    if [ -z "$kept" ]; then
        mkdir -p "$CACHE_DIR/logs"
        kept=$(mktemp "$CACHE_DIR/logs/console-XXXXXX")
        cp "$work/console" "$kept" 2>/dev/null || true
    fi
    local reason
    reason=$(sed -n 's/.*testhost: //p' "$work/console" 2>/dev/null | head -n 1 || true)
    [ -n "$reason" ] || reason=$(grep -m1 -E 'Kernel panic|BUG:|Oops' "$work/console" 2>/dev/null | tr -d '\r' || true)
    [ -n "$reason" ] || reason=$(grep -v -E 'warning: TCG' "$work/qemu.err" 2>/dev/null | head -n 1 || true)
    fail "$1${reason:+: $reason} (console log: $kept)"
}

# -- what goes in: a tree as it shall lie in the host, labelled, as a raw tar on the second disk
tree=$work/tree
job=$tree/var/lib/testhost/job
mkdir -p "$job"
chmod -R u=rwX,go=rX "$tree"
for pair in "${files[@]}"; do
    source=${pair%%:*} target=/root/
    case $pair in *:*) target=${pair#*:} ;; esac
    case $target in /*) ;; *) fail "--files $pair: $target is not an absolute path" ;; esac
    [ -e "$source" ] || fail "--files: $source does not exist"
    case $target in */) target+=$(basename "$source") ;; esac
    mkdir -p "$tree$(dirname "$target")"
    if [ -d "$source" ]; then
        mkdir -p "$tree$target"
        cp -a --no-preserve=ownership "$source/." "$tree$target/"
    else
        cp -L --preserve=mode,timestamps --sparse=always "$source" "$tree$target"
    fi
done
if [ $# -eq 1 ]; then
    printf '%s\n' "$1" >"$job/cmd"
elif [ $# -gt 1 ]; then
    printf '%q ' "$@" >"$job/cmd"
else
    printf 'echo "The test host; poweroff is: exit"; exec /bin/bash -l\n' >"$job/cmd"
fi
[ -z "$results" ] || touch "$job/results"
[ -z "$shell" ] || touch "$job/terminal"
date +%s >"$job/now"
head -c 64 /dev/urandom >"$job/seed"
setfiles -F -r "$tree" -c "$image/policy.33" "$image/contexts/file_contexts" "$tree" >"$work/setfiles" 2>&1 ||
    fail "cannot label the files: $(tail -n 1 "$work/setfiles")"
tar --sparse --xattrs --xattrs-include=security.selinux --owner=0 --group=0 --numeric-owner \
    -cf "$work/data" -C "$tree" .
rm -rf "$tree"
truncate -s "$DATA_SIZE" "$work/data"

# The runner shows life every 5 s. A host that does not for two minutes hangs, by a fault of the emulator's, and is ended.
end_when_silent() {
    trap - EXIT INT TERM HUP
    local heard=-1 silent=0
    while [ "$silent" -lt 120 ]; do
        sleep 10
        if [ "$(stat -c %s "$work/control")" = "$heard" ]; then
            silent=$((silent + 10))
        else
            silent=0 heard=$(stat -c %s "$work/control")
        fi
    done
    : >"$work/hung"
    kill -KILL "$qemu"
}

# -- the host
: >"$work/console"
[ -z "$log" ] || { rm -f "$work/console"; : >"$log"; log=$(realpath "$log"); ln -s "$log" "$work/console"; }
machine_start_tpm "$image/tpm"
machine_start_streams
if [ -n "$cold" ]; then
    machine_options "$image" "$cpus" "$memory" "$append" "file=$image/root.ext4,format=raw,snapshot=on" memory-backend-ram
else
    machine_options "$image" "$cpus" "$memory" "" "file=$warm/root.qcow2,format=qcow2,snapshot=on" \
        "memory-backend-file,mem-path=$warm/memory,share=off"
    machine+=(-incoming defer)
fi
if [ -n "$shell" ]; then
    machine+=(-chardev stdio,id=terminal,signal=off -serial chardev:terminal)
fi
machine+=("${qemu_more[@]}")
echo go >&"$control"

if [ -n "$shell" ]; then
    TMPDIR=$work setpriv --pdeathsig KILL "${machine[@]}" 2>"$work/qemu.err" && code=0 || code=$?
else
    mkfifo "$work/monitor"
    started=$SECONDS
    # Whoever kills this script kills the machine: each ends with its parent.
    TMPDIR=$work setpriv --pdeathsig KILL timeout -k 5 "$timeout" setpriv --pdeathsig KILL \
        "${machine[@]}" -monitor stdio <>"$work/monitor" >"$work/monitor.out" 2>"$work/qemu.err" &
    qemu=$!
    pids+=("$qemu")
    [ -n "$cold" ] || machine_continue
    end_when_silent &
    pids+=($!)
    { wait "$qemu" && code=0 || code=$?; } 2>/dev/null # without bash's "Killed"
fi
wait "${readers[@]}" 2>/dev/null || true

[ ! -e "$work/hung" ] || host_failed "the host hung: no sign of life from it for two minutes"
# QEMU's own status is odd (isa-debug-exit) or 0.
if [ "$code" -eq 124 ] || { [ "$code" -eq 137 ] && [ $((SECONDS - started)) -ge "$timeout" ]; }; then
    kept=${log:-$(mkdir -p "$CACHE_DIR/logs" && mktemp "$CACHE_DIR/logs/console-XXXXXX")}
    [ -n "$log" ] || cp "$work/console" "$kept"
    say "the command did not end within $timeout s (console log: $kept)"
    exit 124
fi
# isa-debug-exit turns the runner's 0 into 1; anything else is an early end of the host.
[ "$code" -eq 1 ] || host_failed "the host ended before the command did (QEMU's status $code)"
ended=$(sed -n 's/^exit //p' "$work/control")
[ -n "$ended" ] || host_failed "the host did not say how the command ended"
if [ -n "$results" ]; then
    mkdir -p "$results"
    tar -xf "$work/results" -C "$results" --no-same-owner || host_failed "the results did not come back whole"
fi
exit "$ended"
