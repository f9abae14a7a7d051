#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# casemated among people who mean it no good: clients that speak badly, fronts that were taken over, its own death and a
# guard's. Two tenants' guests go on through all of it.
. "$(dirname "$0")/lib/casemated.sh"

mkdir $srv/acme $srv/initech
for tenant in acme initech; do cp "$PAYLOAD" $srv/$tenant/kernel; done
guest() { echo "    guest $2 { cpus 1; memory 32M; kernel \"$srv/$1/kernel\"; cmdline \"$3\"; }"; }
policy <<CONF
host { mac $HOST_MAC; }
tenant acme {
    guests 5; disk "$srv/acme/**"; operators "games";
$(guest acme web halt)
$(guest acme db halt)
$(guest acme shell silent)
$(guest acme loop reset)
$(guest acme brief off)
}
tenant initech {
    guests 4; disk "$srv/initech/**";
$(guest initech web halt)
$(guest initech mail halt)
}
CONF
mkfifo "$scratch/quiet"
exec 9<>"$scratch/quiet" # says nothing, and does not end
# vl METHOD [PARAMETERS [MORE-MEMBERS]]: one call, and every reply on a line of its own
vl() {
    printf '{"method":"org.casemate.Host.%s","parameters":{%s}%s}\0' "$1" "${2:-}" "${3:+,$3}" |
        timeout 120 socat -t 110 - UNIX-CONNECT:$SOCKET 2>/dev/null | tr '\0' '\n'
}
raw() { timeout 60 socat -t "${1:-50}" - UNIX-CONNECT:$SOCKET 2>/dev/null | tr '\0' '\n'; }
web() { echo "\"tenant\":\"$1\",\"guest\":\"$2\""; }
state() { vl Show "$(web "$1" "$2")" | grep -o '"state":"[a-z]*"' | cut -d'"' -f4; }
states() { echo "$(state acme web) $(state acme db) $(state initech web) $(state initech mail)"; }
number() { grep -o "\"$1\":[0-9]*" <<<"$2" | head -n 1 | cut -d: -f2; }
end() {
    local name
    for name in acme:web acme:db initech:web initech:mail; do vl Kill "$(web "${name%:*}" "${name#*:}")"; done
    kill -TERM $daemon
}
at_exit end

if start_casemated; then pass "casemated answers"; else fail "casemated answers"; diag "$(cat "$log")"; fi
like "$(vl List)" '"name":"mail".*"state":"stopped"' "its list has the policy's guests"

# As its unit has it: it is spared when memory runs out.
spare() { echo -900 >"/proc/$1/oom_score_adj"; }
spared=yes
spare "$daemon" 2>/dev/null || spared=''
# -- four guests of two tenants
for name in acme:web acme:db initech:web initech:mail; do
    said=$(vl Start "$(web "${name%:*}" "${name#*:}")")
    like "$said" '"state":"running"' "$name starts" || diag "$(tail -n 3 "$log")"
done
favours() { ps -eo uid=,pid= | awk '$1 >= 1999999744 { print "/proc/" $2 "/oom_score_adj" }' | xargs cat 2>/dev/null | sort -u; }
if [ -n "$spared" ]; then
    is "$(favours)" 0 "and none of their processes, nor any front, is spared with it when memory runs out"
else
    skip "nobody may be spared here: no CAP_SYS_RESOURCE" 1
fi
said=$(vl Start "$(web acme shell)" '"more":true')
like "$said" '"type":"running"' "start tells its steps"
like "$(vl Start "$(web acme db)")" WrongState "a guest that runs is not started again"
like "$(vl Show '"guest":"web"')" AmbiguousGuest "a name of two tenants' guests is not guessed at"
said=''
was_brief() { [ "$(state acme brief)" = stopped ]; }
for _ in 1 2 3 4 5; do
    said+=$(vl Start "$(web acme brief)")
    wait_for 30 was_brief
done
is "$(grep -o '"name":"brief"' <<<"$said" | wc -l)" 5 "a guest that powers off at once was started, each time" || diag "$said"
unlike "$said" '"error"' "without an error"
like "$(vl Pause "$(web acme web)")$(state acme web)" '^\{"parameters":\{\}\}paused$' "pause"
like "$(vl Pause "$(web acme web)")" WrongState "once"
like "$(vl Resume "$(web acme web)")$(state acme web)" '^\{"parameters":\{\}\}running$' "resume"
like "$(vl Metrics "$(web acme web)")" '"cpu_usec":[0-9]+' "metrics"

# -- consoles. This guest greets, resets and greets again; the other one is silent for good.
console() { # GUEST SECONDS
    local pipe=$scratch/keys.$BASHPID fd
    rm -f "$pipe"
    mkfifo "$pipe" && exec {fd}<>"$pipe"
    printf '{"method":"org.casemate.Host.Console","parameters":{%s},"upgrade":true}\0' "$(web acme "$1")" >&"$fd"
    timeout "$2" socat -t 1 - UNIX-CONNECT:$SOCKET <&"$fd" 2>/dev/null
    exec {fd}>&-
}
vl Start "$(web acme loop)" >/dev/null
console loop 60 >"$scratch/loop" &
looker=$!
at_exit kill $looker
ok "the console of a guest, through the front" wait_for 30 grep -aq CASEMATE-PAYLOAD-OK "$scratch/loop"
is "$(head -c 17 "$scratch/loop" | tr '\0' .)" '{"parameters":{}}' "begins with the reply"
vl Kill "$(web acme loop)" >/dev/null
console web 60 >"$scratch/web" &
looker=$!
at_exit kill $looker
wait_for 30 grep -aq parameters "$scratch/web"
like "$(vl Console "$(web acme web)" '"upgrade":true')" Busy "a console is one caller's at a time"
pkill -P $looker
free() { console web 2 | tr '\0' '\n' | grep -q '"parameters":{}'; }
ok "and free when that one is gone" wait_for 20 free

# -- the front
fronts() { pgrep -P $daemon -x casemate-front; }
earlier=$(fronts) # on their way out
raw 1 <&9 >"$scratch/idle" &
idle=$!
at_exit kill $idle
pid=''
new_front() { pid=$(fronts | grep -vxF -e "$earlier" | head -n 1) && [ -n "$pid" ]; }
wait_for 60 new_front
isnt "$pid" "" "a client has a front"
like "$(stat -c %u "/proc/$pid")" '^1999999[7-9][0-9][0-9]$' "of a uid of its own"
like "$(cat "/proc/$pid/status")" '^CapBnd:.0+$' "without a capability"
like "$(cat "/proc/$pid/status")" '^Seccomp:.2$' "under its filter"
is "$(ls "/proc/$pid/root" | wc -l)" 0 "in an empty root"
[ $HOST_MAC = landlock ] || is "$(ps -o label= -p "$pid" | cut -d: -f3)" casemate_front_t "in its domain"
kill -KILL "$pid"
ok "killed, it is gone" wait_for 10 test ! -e "/proc/$pid"
like "$(vl Info)" version "and others are served"

# -- clients that speak badly
is "$(printf 'garbage\0' | raw)" "" "garbage ends the connection"
is "$(printf '{"method":"org.casemate.Host.List","method":"org.casemate.Host.Kill"}\0' | raw)" "" "so does a member twice"
is "$(head -c 70000 /dev/zero | tr '\0' '[' | raw)" "" "and 70000 brackets"
is "$(printf '%0100000d' 7 | raw)" "" "and a call that is too long"
like "$(vl Explode)" MethodNotFound "an unknown method is called that"
like "$(vl Show '"guest":"../x"')" 'InvalidParameter.*guest' "and a name that is none"
like "$(vl Show "$(web acme nothing)")" NoSuchGuest "and a guest that is not there"
like "$(vl Events)" ExpectedMore "events want more"
like "$(vl Console "$(web acme web)")" ExpectedUpgrade "the console wants upgrade"
is "$(for i in 1 2 3 4 5 6 7 8 9; do printf '{"method":"org.casemate.Host.Info"}\0'; done | raw | grep -c version)" 9 "calls sent ahead are all answered"
is "$( (for c in '{"method":' '"org.casemate.Ho' 'st.Info"}'; do printf '%s' "$c"; sleep 0.2; done; printf '\0') | raw | grep -c version)" 1 \
    "a call may come in pieces"
if setpriv --reuid 5 --regid 60 --clear-groups true 2>/dev/null && [ $HOST_MAC = landlock ]; then
    chmod 755 "$scratch"
    operator() { printf '{"method":"org.casemate.Host.%s","parameters":{%s}}\0' "$1" "${2:-}" |
        setpriv --reuid "${3:-5}" --regid 60 --clear-groups socat -t 30 - UNIX-CONNECT:$SOCKET | tr '\0' '\n'; }
    said=$(operator List)
    like "$said" '"tenant":"acme"' "an operator sees its tenant's guests"
    unlike "$said" initech "and no others"
    like "$(operator Kill "$(web initech web)")" NoSuchGuest "nor does it end them"
    ok "which is in the log" grep -q 'denied: kill of initech/web by uid 5' "$log"
    # The kernel's log takes a few records at a time.
    audited() {
        operator Kill "$(web initech web)" >/dev/null
        dmesg | grep -q 'denied.*{ kill } for.*operation=kill tenant=initech guest=web .*suid=5 tclass=casemate_guest by=operators'
    }
    if dmesg | grep -q 'audit: type='; then
        ok "and in the kernel's trail" wait_for 30 audited
    else
        skip "the kernel's trail is not in its log here" 1
    fi
    like "$(operator Reload)" Denied "nor read the policy again"
    is "$(operator List '' 12345)" '{"parameters":{"guests":[]}}' "whoever is no operator sees nothing"
    # Idle connections of one user: others are still served.
    : >"$scratch/many"
    for ((i = 0; i < 30; i++)); do
        timeout 20 setpriv --reuid 5 --regid 60 --clear-groups socat - UNIX-CONNECT:$SOCKET <&9 >>"$scratch/many" 2>/dev/null &
        at_exit kill $!
    done
    ok "one user's connections are limited" wait_for 15 grep -q Busy "$scratch/many"
    like "$(vl Info)" version "and another is served meanwhile"
fi

# -- fronts that were taken over: a stand-in beside a casemated of its own
if in_test_host; then
    skip "a stand-in for a front has no label of ours here" 10
else
    mkdir "$scratch/bin"
    cp "$DAEMON" "$scratch/bin/casemated"
    cp "$TOOLS/hostile_front" "$scratch/bin/casemate-front"
    "$scratch/bin/casemated" --policy "$scratch/nonexistent" --socket "$scratch/hostile" --mac landlock >"$scratch/hostile.log" 2>&1 </dev/null &
    hostile=$!
    at_exit kill $hostile
    wait_for 30 test -S "$scratch/hostile"
    try() { printf %s "$1" | timeout 20 socat -t 15 - "UNIX-CONNECT:$scratch/hostile" 2>/dev/null; }
    is "$(try 0)" ok "a stand-in for a front is served as long as it behaves"
    for act in "s:a short request" "l:a long one" "m:another magic" "t:a type that is none" "n:a name without an end" \
        "b:a second one while it is busy" "d:descriptors" "f:a flood"; do
        try "${act%%:*}" >/dev/null
        is "$?" 0 "${act#*:} ends it"
    done
    is "$(try 0)" ok "and casemated still serves" || diag "$(cat "$scratch/hostile.log")"
    kill $hostile
fi

# -- the policy
digest() { vl Info | grep -o '"policy_digest":"[0-9a-f]*"'; }
was=$(digest)
head -c 4096 /dev/urandom >"$IMAGE.new"
chmod 600 "$IMAGE.new"
like "$(vl Reload)" '"parameters":\{\}' "what lies beside the policy is not looked at"
ok "and stays" test -e "$IMAGE.new"
take() { vl Reload '"running":"refuse"'; } # as casemate policy load does
like "$(take)" "PolicyInvalid.*no policy's image|PolicyInvalid.*malformed" "an image that is none is refused"
like "$(vl List)" '"name":"mail"' "and what was in force stays"
is "$(digest)" "$was" "as its digest says"
ok "the refused one is gone" test ! -e "$IMAGE.new"
sed 's/guests 4;/guests 5;/' "$SOURCE" >"$scratch/changed"
policy <"$scratch/changed"
like "$(vl Reload)" '"parameters":\{\}' "a good one that somebody left there"
is "$(digest)" "$was" "is not taken either"
like "$(take)" '"parameters":\{\}' "but for who asks for it"
isnt "$(digest)" "$was" "and its digest is another"
is "$(digest)" "\"policy_digest\":\"$(sha256sum <"$IMAGE" | cut -d' ' -f1)\"" "that of the image, which bears the old one's name"

# -- casemated is killed
before=$(vl List | grep -o '"guard":[0-9]*' | sort)
kill -KILL $daemon
wait $daemon 2>/dev/null
start_casemated
is "$(vl List | grep -o '"guard":[0-9]*' | sort)" "$before" "killed and started again, it finds all guards"
is "$(states)" "running running running running" "and the guests as they were"
ok "and says what it found" grep -q 'found guest initech/mail, running, under guard' "$log"
"$DAEMON" --policy "$IMAGE" "${MAC[@]}" >"$scratch/second.log" 2>&1 </dev/null
is "$?" 3 "a second casemated does not start"
like "$(cat "$scratch/second.log")" 'another casemated' "and says why"

# -- a guard is killed
guard=$(number guard "$(vl Show "$(web initech web)")")
[ -z "$guard" ] || kill -KILL "$guard"
stopped() { [ "$(state initech web)" = stopped ]; }
ok "a guard that is killed takes its guest along" wait_for 20 stopped
ok "which is said" grep -q 'guest initech/web: its guard died' "$log"
again() { vl Start "$(web initech web)" | grep -q running; }
ok "and it can be started again" wait_for 30 again

# -- a guard and its janitor are killed: then casemated cleans up after both, or the next one does
bereave() { # TENANT GUEST
    local guard janitor
    guard=$(number guard "$(vl Show "$(web "$1" "$2")")")
    janitor=$(pgrep -P "${guard:-0}" -x casemate-janit)
    station=/run/casemate/guards/$(number store_id "$(vl Show "$(web "$1" "$2")")")
    [ -z "${3:-}" ] || { kill -KILL "$3" && wait "$3" 2>/dev/null; }
    kill -STOP "$janitor" && kill -KILL "$guard" && kill -KILL "$janitor"
}
groups() { find /sys/fs/cgroup -path "*/casemate/$1.*" -type d; }
before=$(groups web | wc -l)
bereave initech web
ok "guard and janitor killed: casemated removes processes, cgroup and station" wait_for 30 test ! -e "$station"
ok "and says so" grep -q 'guest initech/web: its guard and its janitor were killed' "$log"
ok "and the guest has ended" wait_for 20 stopped
isnt "$(groups web | wc -l)" "$before" "its cgroup is gone"
ok "it can be started again" wait_for 30 again
bereave initech web "$daemon"
start_casemated
ok "casemated killed as well: the next one does it" wait_for 20 test ! -e "$station"
ok "it can be started again after that, too" wait_for 30 again

# -- the end
like "$(vl Stop "$(web acme web),\"seconds\":0")" '"parameters":\{\}' "stop, by force at once"
is "$(state acme web)" stopped "returns when it has ended"
like "$(vl Quarantine "$(web acme db)")" '"parameters":\{\}' "quarantine"
like "$(vl Resume "$(web acme db)")" WrongState "is for good"
like "$(vl Kill "$(web acme db)")" '"parameters":\{\}' "until it is killed"
stop_casemated
is "$?" 0 "SIGTERM ends casemated"
ok "and not the guests" test -n "$(pgrep -f '^casemate-vmm mail$')"
start_casemated
vl Kill "$(web initech web)" >/dev/null
like "$(vl Kill "$(web initech mail)")" '"parameters":\{\}' "the next one ends the last guest"
is "$(vl List | grep -o '"state":"[a-z]*"' | sort -u)" '"state":"stopped"' "nothing runs"
stop_casemated
# Only our own: others on this machine have guests, too.
remains() {
    local pid ours
    ours=$(readlink /proc/self/ns/mnt)
    for pid in $(pgrep '^casemate-(guard|janit)'); do
        [ "$(readlink "/proc/$pid/ns/mnt")" != "$ours" ] || echo "process $pid"
    done
    find /run/casemate -mindepth 1 ! -path /run/casemate/guards
}
clean() { [ -z "$(remains)" ]; }
ok "and nothing is left" wait_for 20 clean || diag "$(remains)"
done_testing
