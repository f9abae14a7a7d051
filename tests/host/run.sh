#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# run.sh [--files 'SRC[:DST] ...'] [--results DIR] [--timeout SECONDS] [--memory MIB] [--cpus N] [--log FILE]
#        [--append TEXT] [--qemu OPTION]... [--shell] -- COMMAND [ARGUMENT...]
#
# Boots the test host, copies the files in, runs the command there in the test domain with SELinux enforcing, passes
# its stdout and stderr on as they come and ends with its exit code. One argument is a shell command; several are a
# program and its arguments, taken literally. What the command leaves in $RESULTS comes back into --results DIR, with
# the audit records of the run (from before the policy was loaded) in audit.log there.
#
# SRC is a file or directory. DST is an absolute path, or ends with / to name the directory it goes into; without it
# SRC goes into /root. Files are labelled as the host's file contexts say.
#
# Exit codes of our own: 124 the timeout passed, 125 the test host failed, 130 and 143 interrupted.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() { fail "usage: run.sh [--files 'SRC[:DST] ...'] [--results DIR] [--timeout S] [--memory MIB] [--cpus N] [--log FILE] [--append TEXT] [--qemu OPTION]... (--shell | -- COMMAND...)"; }

files=() qemu_more=() results='' timeout=300 memory=1500 cpus=2 log='' append='' shell=''
while [ $# -gt 0 ]; do
    case $1 in
    --shell) shell=1; shift; continue ;;
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
need qemu-system-x86_64 swtpm setfiles tar

image=${CASEMATE_TESTHOST_IMAGE:-$CACHE_DIR/current}
[ -e "$image/initrd.img" ] || [ -n "${CASEMATE_TESTHOST_IMAGE:-}" ] || "$HOST_DIR/build-image.sh"
[ -e "$image/initrd.img" ] || fail "no test host in $image; run tests/host/build-image.sh"

work=$(mktemp -d "${TMPDIR:-/tmp}/testhost-XXXXXX")
pids=()
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
    reason=$(sed -n 's/.*testhost: //p' "$work/console" 2>/dev/null | head -n 1)
    [ -n "$reason" ] || reason=$(grep -m1 -E 'Kernel panic|BUG:|Oops' "$work/console" 2>/dev/null | tr -d '\r')
    [ -n "$reason" ] || reason=$(grep -v -E 'warning: TCG' "$work/qemu.err" 2>/dev/null | head -n 1)
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
setfiles -F -r "$tree" -c "$image/policy.33" "$image/contexts/file_contexts" "$tree" >"$work/setfiles" 2>&1 ||
    fail "cannot label the files: $(tail -n 1 "$work/setfiles")"
tar --sparse --xattrs --xattrs-include=security.selinux --owner=0 --group=0 --numeric-owner \
    -cf "$work/data.tar" -C "$tree" .
rm -rf "$tree"

# -- the host's parts
mkfifo "$work/stdout" "$work/stderr"
: >"$work/console"
[ -z "$log" ] || { rm -f "$work/console"; : >"$log"; log=$(realpath "$log"); ln -s "$log" "$work/console"; }
cp -r "$image/tpm/" "$work/tpm"
swtpm socket --tpm2 --tpmstate "dir=$work/tpm" --ctrl "type=unixio,path=$work/tpm.sock" --terminate \
    --flags not-need-init >"$work/swtpm.log" 2>&1 &
pids+=($!)
cat "$work/stdout" & readers=($!)
cat "$work/stderr" >&2 & readers+=($!)
pids+=("${readers[@]}")

terminal=(-serial null)
[ -z "$shell" ] || terminal=(-chardev stdio,id=terminal,signal=off -serial chardev:terminal)
qemu=(qemu-system-x86_64
    -accel tcg,thread=multi -machine pc -cpu "EPYC,+svm,+npt" -smp "$cpus" -m "$memory"
    -nodefaults -no-user-config -display none -no-reboot
    -kernel "$image/vmlinuz" -initrd "$image/initrd.img"
    -append "console=ttyS0 quiet panic=-1 oops=panic tsc=reliable cryptomgr.notests=1 audit=1 audit_backlog_limit=8192 rdinit=/init lsm=landlock,lockdown,yama,selinux,bpf $append"
    -serial "file:$work/console" "${terminal[@]}"
    -drive "if=none,id=root,file=$image/root.ext4,format=raw,snapshot=on,cache=unsafe"
    -drive "if=none,id=data,file=$work/data.tar,format=raw,snapshot=on,cache=unsafe"
    -device nvme,id=nvme,serial=testhost
    -device nvme-ns,bus=nvme,drive=root,nsid=1 -device nvme-ns,bus=nvme,drive=data,nsid=2
    -chardev "file,id=stdout,path=$work/stdout" -chardev "file,id=stderr,path=$work/stderr"
    -chardev "file,id=control,path=$work/control" -chardev "file,id=results,path=$work/results"
    -device virtio-serial-pci,disable-legacy=on
    -device virtserialport,nr=1,chardev=stdout -device virtserialport,nr=2,chardev=stderr
    -device virtserialport,nr=3,chardev=control -device virtserialport,nr=4,chardev=results
    -chardev "socket,id=tpm,path=$work/tpm.sock,reconnect=0"
    -tpmdev emulator,id=tpm0,chardev=tpm -device tpm-crb,tpmdev=tpm0
    -device isa-debug-exit,iobase=0xf4,iosize=1
    "${qemu_more[@]}")

# The TPM's socket must be there before QEMU connects; the shell has no better way to be told.
for _ in $(seq 200); do
    [ -S "$work/tpm.sock" ] && break
    kill -0 "${pids[0]}" 2>/dev/null || fail "swtpm did not start: $(tail -n 1 "$work/swtpm.log")"
    sleep 0.01
done

if [ -n "$shell" ]; then
    TMPDIR=$work "${qemu[@]}" 2>"$work/qemu.err" && code=0 || code=$?
else
    TMPDIR=$work "${qemu[@]}" </dev/null >/dev/null 2>"$work/qemu.err" &
    machine=$!
    pids+=("$machine")
    # `exec`, so that killing the watcher leaves no sleep behind
    (
        trap 'kill "$sleeper" 2>/dev/null; exit' TERM
        sleep "$timeout" &
        sleeper=$!
        wait "$sleeper"
        touch "$work/timeout"
        kill -KILL "$machine"
    ) 2>/dev/null &
    watcher=$!
    { wait "$machine" && code=0 || code=$?; } 2>/dev/null # without bash's "Killed"
    kill -TERM "$watcher" 2>/dev/null || true
fi
wait "${readers[@]}" 2>/dev/null || true

if [ -e "$work/timeout" ]; then
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
