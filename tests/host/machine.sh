# SPDX-License-Identifier: Apache-2.0
# The virtual machine that is the test host. Sourced by run.sh, after lib.sh.
#
# Everything of one machine lies in $work; `pids` are the processes to end with it.

pids=()

# machine_start_tpm STATE: a TPM with a copy of that state
machine_start_tpm() {
    mkdir "$work/tpm"
    cp -L "$1"/* "$work/tpm/"
    swtpm socket --tpm2 --tpmstate "dir=$work/tpm" --ctrl "type=unixio,path=$work/tpm.sock" --terminate \
        --flags not-need-init >"$work/swtpm.log" 2>&1 &
    pids+=($!)
    local swtpm=$!
    # The socket must be there before QEMU connects; the shell has no better way to be told.
    for _ in $(seq 500); do
        [ -S "$work/tpm.sock" ] && return 0
        kill -0 "$swtpm" 2>/dev/null || break
        sleep 0.01
    done
    fail "swtpm did not start: $(tail -n 1 "$work/swtpm.log")"
}

# machine_start_streams: what the job prints goes on to our own stdout and stderr; `readers` end with the machine
machine_start_streams() {
    mkfifo "$work/stdout" "$work/stderr" "$work/control.in" "$work/control.out"
    cat "$work/stdout" & readers=($!)
    cat "$work/stderr" >&2 & readers+=($!)
    cat "$work/control.out" >"$work/control" & readers+=($!)
    pids+=("${readers[@]}")
    # Held open for reading and writing, so that neither side waits for the other.
    exec {control}<>"$work/control.in"
}

# machine_options IMAGE CPUS MEMORY APPEND ROOT_DRIVE MEMORY_BACKEND: sets `machine`, QEMU's command line.
# An emulated CPU that loses an interrupt hangs its kernel for good: after a minute that is a panic, and ends the host.
# TCG always: where this machine's own KVM is a paravirtual one, stock kernels hang in it. NVMe would need no module
# but cannot be migrated.
machine_options() {
    local image=$1 cpus=$2 memory=$3 append=$4 root=$5 backend=$6
    machine=(qemu-system-x86_64
        -accel tcg,thread=multi -machine pc,memory-backend=ram -cpu "EPYC,+svm,+npt" -smp "$cpus" -m "$memory"
        -object "$backend,id=ram,size=${memory}M"
        -nodefaults -no-user-config -display none -no-reboot
        -kernel "$image/vmlinuz" -initrd "$image/initrd.img"
        -append "console=ttyS0 quiet panic=-1 oops=panic softlockup_panic=1 watchdog_thresh=30 tsc=reliable cryptomgr.notests=1 audit=1 audit_backlog_limit=8192 rdinit=/init lsm=landlock,lockdown,yama,selinux,bpf $append"
        -serial "file:$work/console"
        -drive "if=none,id=root,cache=unsafe,$root"
        -drive "if=none,id=data,file=$work/data,format=raw,cache=unsafe,read-only=on"
        -device virtio-blk-pci,drive=root,disable-legacy=on,addr=4
        -device virtio-blk-pci,drive=data,disable-legacy=on,addr=5
        -device virtio-serial-pci,disable-legacy=on,addr=6
        -chardev "file,id=stdout,path=$work/stdout" -chardev "file,id=stderr,path=$work/stderr"
        -chardev "pipe,id=control,path=$work/control" -chardev "file,id=results,path=$work/results"
        -device virtserialport,nr=1,chardev=stdout -device virtserialport,nr=2,chardev=stderr
        -device virtserialport,nr=3,chardev=control -device virtserialport,nr=4,chardev=results
        -chardev "socket,id=tpm,path=$work/tpm.sock,reconnect=0"
        -tpmdev emulator,id=tpm0,chardev=tpm -device tpm-crb,tpmdev=tpm0
        -device isa-debug-exit,iobase=0xf4,iosize=1)
}

# The size of the data disk is fixed, since a snapshot remembers it; it is sparse.
DATA_SIZE=8G

# The warm start: a host that has booted and waits for its job, kept as memory, devices and disk layer.
warm_key() {
    { echo "$(readlink -f "$1/root.ext4" "$1/vmlinuz" "$1/initrd.img" "$1/tpm")" "$2" "$3"
        cat "$HOST_DIR/machine.sh"
        qemu-system-x86_64 --version; } | sha256sum | cut -c1-16
}

# machine_continue: a machine started with `-incoming defer` goes on from the snapshot in $warm
machine_continue() {
    printf '%s\n' 'migrate_set_capability x-ignore-shared on' "migrate_incoming \"exec:cat $warm/devices\"" \
        >"$work/monitor"
}

make_warm() {
    local out=$1 image=$warm_image
    say "booting the test host once, to go on from there in later runs (about 8 s)"
    (
        work=$(mktemp -d "${TMPDIR:-/tmp}/testhost-XXXXXX")
        pids=()
        trap 'kill -KILL "${pids[@]}" 2>/dev/null || true; wait 2>/dev/null; rm -rf "$work"' EXIT
        qemu-img create -q -f qcow2 -F raw -b "$(readlink -f "$image/root.ext4")" "$out/root.qcow2"
        truncate -s "$DATA_SIZE" "$work/data"
        machine_start_tpm "$image/tpm"
        machine_start_streams
        machine_options "$image" "$warm_cpus" "$warm_memory" "" "file=$out/root.qcow2,format=qcow2" \
            "memory-backend-file,mem-path=$out/memory,share=on"
        mkfifo "$work/monitor"
        setpriv --pdeathsig KILL "${machine[@]}" -monitor stdio <>"$work/monitor" >"$work/monitor.out" 2>&1 &
        qemu=$!
        pids+=("$qemu")
        for _ in $(seq 1200); do
            grep -q ready "$work/control" && break
            kill -0 "$qemu" 2>/dev/null || { tail -n 3 "$work/console" "$work/monitor.out" >&2; exit 1; }
            sleep 0.05
        done
        # Memory is already in its file; only the devices' state goes through the migration.
        printf '%s\n' 'migrate_set_capability x-ignore-shared on' 'migrate_set_parameter max-bandwidth 10G' \
            "migrate \"exec:cat>$out/devices\"" 'info migrate' 'quit' >"$work/monitor"
        wait "$qemu" || true
        grep -q 'Migration status: completed' "$work/monitor.out" || { cat "$work/monitor.out" >&2; exit 1; }
    )
}
