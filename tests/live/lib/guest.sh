# SPDX-License-Identifier: Apache-2.0
# Guests under test: start one, wait for what it does, see how it ended and what it left. Sourced, by bash.
#
# Everything that a guest says is in files of $scratch: NAME.console (its serial port), NAME.err (stderr of casemate)
# and NAME.events (JSON lines), by tools/keep.c. Nothing waits for a time to pass: it waits for a condition, with a limit.
#
#     . "$(dirname "$0")/lib/guest.sh"
#     run_payload first "off" --rng
#     expect first 0 "CASEMATE-PAYLOAD-OK" "the payload powers off"
#     done_testing

LIVE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$LIVE/lib/tap.sh"

if in_test_host; then
    CASEMATE=${CASEMATE:-/usr/bin/casemate}
    PROGRAMS=${PROGRAMS:-/usr/libexec/casemate}
    TOOLS=${CASEMATE_TOOLS:-$LIVE/bin}
    GUEST=${CASEMATE_GUEST:-/srv/guest}
else
    TOP=$(cd "$LIVE/../.." && pwd)
    PROGRAMS=${CASEMATE_BIN:-$TOP/build/bin}
    CASEMATE=${CASEMATE:-$PROGRAMS/casemate}
    TOOLS=${CASEMATE_TOOLS:-$TOP/build/live}
    GUEST=${CASEMATE_GUEST:-$TOP/build/testhost/guest}
fi
KERNEL=$GUEST/vmlinuz
INITRD=$GUEST/initrd.img
PAYLOAD=$GUEST/payload.elf
SLOT_UIDS=2000000000      # from here on uids belong to guests' processes
PATIENCE=${PATIENCE:-240} # seconds that a guest may take to a step, on a busy machine under software emulation
NO_STOCK="stock kernels do not run on this machine's paravirtual KVM"
CODE=''
declare -A GUEST_PID=()

# In the test host: the policy of this file, for the whole host.
load_policy() {
    perl -e 'local $/; open(my $f, "<", $ARGV[0]) or die; my $p = <$f>; open(my $l, ">", "/sys/fs/selinux/load") or die; syswrite($l, $p) == length($p) or die "$!"' "$1"
}

# put_policy SOURCE IMAGE: what casemated is to enforce, made of a source. One that runs takes it in place of the image in
# force when it is asked as `casemate policy load` asks it.
put_policy() {
    local to=$2 made compiler=$CASEMATE
    made=$(mktemp -d "$scratch/policy.XXXXXX") || return
    if in_test_host; then # in our own domain: the launcher's makes no files in just any directory
        compiler=$made/casemate
        cp "$CASEMATE" "$compiler" && chcon -t bin_t "$compiler" || return
    fi
    "$compiler" policy compile "$1" -o "$made/out" >/dev/null || return
    [ ! -e "$to" ] || to=$to.new
    install -D -m 600 "$made/out/host.image" "$to"
    ! in_test_host || restorecon -R "$(dirname "$to")"
}

kill_guests() {
    local name
    for name in "${!GUEST_PID[@]}"; do
        kill -KILL "${GUEST_PID[$name]}" && wait "${GUEST_PID[$name]}"
    done
}
at_exit kill_guests

[ -x "$CASEMATE" ] || skip_all "$CASEMATE is not there"

# What every run is told besides; (--on-permissive alarm) where a test has SELinux permissive for a moment.
RUN_MORE=()
selinux_enforcing() { [ "$(cat /sys/fs/selinux/enforce 2>/dev/null)" = 1 ]; }

# What a machine without SELinux has to say to get a guest at all.
MAC=()
if ! selinux_enforcing || [ "${LIVE_MAC:-}" = landlock ]; then MAC=(--mac landlock); fi

need_kvm() {
    local why
    why=$("$TOOLS/kvm_usable" 2>&1) || skip_all "no usable KVM here: $why"
}

# A paravirtual KVM emulates the guest's kernel mode, and not all of what a stock kernel executes there.
stock_kernels() { ! [ -d /sys/module/kvm_pvm ]; }

# What a triple fault looks like: an emulator gives up at the instruction that begins it.
TRIPLE='the guest crashed: it took a triple fault'
stock_kernels || TRIPLE='the guest crashed: (it took a triple fault|KVM cannot go on with it)'

# ---------------------------------------------------------------- start and end

# The reader of a pipe; FILE.end says that everybody has closed it and all is in the file.
keep() { # FILE
    trap - EXIT
    cat >"$1"
    : >"$1.end"
}

# start NAME OPTION...: casemate run in the background. STDIN names another standard input than /dev/null.
start() {
    local name=$1 file
    shift
    for file in console err events end; do : >"$scratch/$name.$file"; done
    "$TOOLS/keep" "$scratch/$name" "$CASEMATE" run "${MAC[@]}" "${RUN_MORE[@]}" --events 3 "$@" <"${STDIN:-/dev/null}" &
    GUEST_PID[$name]=$!
}

written() { [ -s "$scratch/$1.end" ]; }
exited() { # NAME
    local stat
    { read -r stat <"/proc/${GUEST_PID[$1]}/stat"; } 2>/dev/null || return 0
    stat=${stat##*) }
    [ "${stat%% *}" = Z ]
}

# finish NAME [SECONDS]: waits for its end; CODE is its exit status, "timeout" when it did not end.
finish() {
    CODE=timeout
    if wait_for "${2:-$PATIENCE}" exited "$1"; then
        wait "${GUEST_PID[$1]}" 2>/dev/null
        CODE=$?
    else
        kill -KILL "${GUEST_PID[$1]}" 2>/dev/null
        wait "${GUEST_PID[$1]}" 2>/dev/null
    fi
    unset "GUEST_PID[$1]"
    wait_for 10 written "$1" || diag "somebody still holds the pipes of $1"
}

# force NAME: presses the power button, and then again. Two signals at once could arrive as one.
force() {
    kill -TERM "${GUEST_PID[$1]}"
    await_event "$1" power-button
    kill -TERM "${GUEST_PID[$1]}" 2>/dev/null
    finish "$1"
}

run_guest() { # NAME OPTION...
    start "$@"
    finish "$1"
}

# debian NAME STEPS [OPTION]...: Debian's kernel with the test guest's init; more kernel parameters in APPEND
debian() {
    local name=$1 steps=$2
    shift 2
    start "$name" --kernel "${BOOT_KERNEL:-$KERNEL}" --initrd "$INITRD" --memory "${MEMORY:-256M}" \
        --cmdline "console=ttyS0 quiet panic=-1 casemate.test=$steps ${APPEND:-}" "$@"
}
# Under software emulation of nested SVM a kernel is lost now and then, mostly while it boots and on busy machines, by
# a triple fault without a place; once the emulated host itself was, with an interrupt taken where #VMEXIT forbids it.
# Such a guest is tried once more, and said to be; twice in a row counts.
lost_by_emulation() { # NAME, of a guest that has ended with CODE
    in_test_host && [ "$CODE" = 4 ] && error_has "$1" 'triple fault' && event_has "$1" crash || return 1
    diag "$1: a triple fault under emulation; once more"
}
run_debian() {
    debian "$@"
    finish_debian "$@"
}
finish_debian() { # as it was started
    finish "$1" "${LONG:-$PATIENCE}"
    if lost_by_emulation "$1"; then
        debian "$@"
        finish "$1" "${LONG:-$PATIENCE}"
    fi
}

# payload NAME WORDS [OPTION]...: a guest of a few instructions, see tests/host/guest/payload
payload() {
    local name=$1 words=$2
    shift 2
    start "$name" --kernel "$PAYLOAD" --memory 32M --cmdline "$words" "$@"
}
run_payload() {
    payload "$@"
    finish "$1"
}

# ---------------------------------------------------------------- what it says

console() { cat "$scratch/$1.console" 2>/dev/null; }
stderr() { cat "$scratch/$1.err" 2>/dev/null; }
events() { cat "$scratch/$1.events" 2>/dev/null; }

# lines_with FILE REGEX: sets `found`, how many of the file's lines match
lines_with() {
    local lines line
    found=0
    { mapfile -t lines <"$1"; } 2>/dev/null || return
    for line in "${lines[@]}"; do
        ! line_matches "$line" "$2" || found=$((found + 1))
    done
}
console_has() { lines_with "$scratch/$1.console" "$2" && [ "$found" -gt 0 ]; }
error_has() { lines_with "$scratch/$1.err" "$2" && [ "$found" -gt 0 ]; }
event_came() { lines_with "$scratch/$1.events" "\"event\":\"$2\"" && [ "$found" -ge "$3" ]; }
event_has() { event_came "$1" "$2" 1; }
event_count() {
    lines_with "$scratch/$1.events" "\"event\":\"$2\""
    echo "$found"
}

# await_console NAME REGEX [SECONDS]; await_event NAME EVENT [TIMES]: false also when the guest ended before
settled_console() { console_has "$1" "$2" || exited "$1"; }
await_console() {
    wait_for "${3:-$PATIENCE}" settled_console "$1" "$2"
    console_has "$1" "$2"
}
settled_event() { event_came "$1" "$2" "$3" || exited "$1"; }
await_event() {
    wait_for "$PATIENCE" settled_event "$1" "$2" "${3:-1}"
    event_came "$1" "$2" "${3:-1}" && return
    diag "$1: the event '$2' did not come"
    account "$1"
    return 1
}

# field LINE NAME: a value in one of the JSON lines
field() { [[ $1 =~ \"$2\":(\"([^\"]*)\"|([^,}]*)) ]] && echo "${BASH_REMATCH[2]:-${BASH_REMATCH[3]}}"; }

# What the start gate saw in the guest's last boot: one JSON line a process
gate_saw() {
    events "$1" | awk '/"event":"step"/ { n = 0 } /"event":"confinement"/ { line[n++] = $0 } END { for (i = 0; i < n; i++) print line[i] }'
}
confinement() { gate_saw "$1" | grep -F "\"process\":\"$2\"" | head -n 1; } # NAME KIND
# "KIND INDEX PID" of each
processes() { gate_saw "$1" | sed -nE 's/.*"process":"([a-z]+)","index":([0-9]+),"pid":([0-9]+).*/\1 \2 \3/p'; }
pid_of() { processes "$1" | awk -v kind="$2" '$1 == kind { print $3; exit }'; }

# What is told of a guest that did not do what it should.
account() { # NAME
    diag "exit status ${CODE:-unknown}"
    diag "$(stderr "$1" | tail -n 15)"
    diag "$(console "$1" | tail -n 25 | cut -c1-300 | tr -dc '[:print:]\n')"
}

# expect NAME CODE REGEX TEST-NAME: it ended with that status, and a line of the console matches
expect() {
    if [ "$CODE" = "$2" ] && console_has "$1" "$3"; then
        pass "$4"
    else
        fail "$4"
        diag "expected exit status $2 and a console line that matches /$3/"
        account "$1"
    fi
}

# expect_error NAME CODE REGEX TEST-NAME: it ended with that status, and a line of stderr matches
expect_error() {
    if [ "$CODE" = "$2" ] && error_has "$1" "$3"; then
        pass "$4"
    else
        fail "$4"
        diag "expected exit status $2 and an error that matches /$3/"
        account "$1"
    fi
}

# steps_ok NAME STEP...: one test for each step of a Debian guest
steps_ok() {
    local name=$1 step
    shift
    for step in "$@"; do
        if console_has "$name" "^guest: ok $step( |$)" && ! console_has "$name" "^guest: not ok $step( |$)"; then
            pass "$name: $(console "$name" | sed -n "s/^guest: ok \($step.*\)/\1/p" | head -n 1 | cut -c1-120)"
        else
            fail "$name: $step"
            account "$name"
        fi
    done
}

# sampled N: whether this case runs. In the test host, where all is emulated, one in N does, unless all is asked for
# (make soak): for cases whose outcome does not depend on the host, and which the machine itself runs all.
cases=0 left_out=0
sampled() {
    cases=$((cases + 1))
    if in_test_host && [ -z "${CASEMATE_SOAK:-}" ] && [ $((cases % $1)) -ne 0 ]; then
        left_out=$((left_out + 1))
        return 1
    fi
}
tell_left_out() { [ "$left_out" -eq 0 ] || diag "$left_out of $cases $1 are left to make soak, and to the machine's own KVM"; }

# ---------------------------------------------------------------- what it leaves

# What a guest could leave on the host: tools/traces.c.
traces() { "$TOOLS/traces" $SLOT_UIDS; }

# remember; ...; left_nothing TEST-NAME. What other guests of this machine take away meanwhile does not count.
remember() { BEFORE=$(traces); }
left() {
    local line
    while IFS= read -r line; do
        [[ $'\n'$BEFORE$'\n' == *$'\n'"$line"$'\n'* ]] || echo "$line"
    done < <(traces)
}
nothing_left() { [ -z "$(left)" ]; }
left_nothing() {
    if wait_for 10 nothing_left; then
        pass "$1: nothing is left behind"
    else
        fail "$1: nothing is left behind"
        diag "$(left)"
    fi
}

label() { getfattr --only-values --absolute-names -n security.selinux "$1" 2>/dev/null | tr -d '\0'; }

# A copy of our own of a guest's disk.
disk() { # NAME
    cp --sparse=always "$GUEST/root.ext4" "$scratch/$1" && echo "$scratch/$1"
}
