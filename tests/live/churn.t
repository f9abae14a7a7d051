#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Many guests of many tenants, started and ended at random, while guards and casemated are killed again and again: no
# identity given twice, and in the end nothing left. In make soak 200 guests of 20 tenants for 10 minutes.
. "$(dirname "$0")/lib/casemated.sh"
remember

if [ -n "${CASEMATE_SOAK:-}" ]; then
    tenants=20 each=10 duration=600 at_once=12
else
    tenants=3 each=2 duration=20 at_once=3
fi
host() { "$CASEMATE" "$@"; }

# -- the host's policy: every guest has a disk of its own
{
    echo "host { mac $HOST_MAC; kernel \"$(dirname "$PAYLOAD")/**\"; }"
    for ((t = 1; t <= tenants; t++)); do
        mkdir -m 755 "$srv/t$t"
        echo "tenant t$t {"
        echo "    disk \"$srv/t$t/**\";"
        for ((g = 1; g <= each; g++)); do
            truncate -s 1M "$srv/t$t/churn$g.img"
            echo "    guest churn$g { memory 32M; kernel \"$PAYLOAD\"; cmdline \"halt\"; disk \"$srv/t$t/churn$g.img\"; }"
        done
        echo "}"
    done
} >"$scratch/text"
policy <"$scratch/text"
images=("$srv"/t*/churn*.img)
before=$(for image in "${images[@]}"; do label "$image"; stat -c ' %u:%g %a' "$image"; done)

kills=0
start_casemated
ok "casemated serves" host info

# -- one act at random on one guest at random; what the state forbids is refused, which is right too
acts=0
declare -A done_acts=()
act() { # GUEST VERB
    case $2 in
    start | kill | pause | resume) host "$2" "$1" ;;
    stop) host stop --off-timeout 0 "$1" ;;
    guard) kill -KILL "$(host list | awk -v guest="$1" '$1 "/" $2 == guest && $6 > 1 { print $6 }')" ;;
    esac 2>&1 | cat >>"$scratch/acts.log"
    [ "${PIPESTATUS[0]}" -ne 0 ] || echo "$2" >>"$scratch/succeeded"
}
: >"$scratch/succeeded"

# Two living guests with one set of categories, or two processes with one uid, are what must never be.
doubles=''
look_for_doubles() {
    local twice
    twice=$(ps -e -o uid=,label=,args= | awk -v low=$SLOT_UIDS '
        $1 < low || $3 !~ /casemate-(vmm|blk|net|rng|console)$/ || $4 !~ /^churn/ { next }
        uids[$1]++ { print "uid", $1 }
        { n = split($2, part, ":"); set = part[n] }
        n >= 5 && set in owner && owner[set] != $4 " " int(($1 - low) / 64) { print "categories", set }
        n >= 5 { owner[set] = $4 " " int(($1 - low) / 64) }')
    [ -z "$twice" ] || doubles+="$twice "
}

# Both must have come about; on a slow machine that takes longer, and longer than 3 s without a kill between.
enough() { grep -q start "$scratch/succeeded" && grep -qE 'kill|stop' "$scratch/succeeded"; }

verbs=(start start start start kill stop pause resume guard)
running=()
began=$SECONDS every=3 next_kill=3 seen=0
while [ $((SECONDS - began)) -lt "$duration" ] || { ! enough && [ $((SECONDS - began)) -lt "$PATIENCE" ]; }; do
    guest="t$((RANDOM % tenants + 1))/churn$((RANDOM % each + 1))"
    act "$guest" "${verbs[RANDOM % ${#verbs[@]}]}" &
    running+=($!)
    acts=$((acts + 1))
    if [ ${#running[@]} -ge "$at_once" ]; then
        wait "${running[0]}" 2>/dev/null
        running=("${running[@]:1}")
    fi
    look_for_doubles
    if [ $((SECONDS - began)) -ge "$next_kill" ]; then
        kill_casemated && kills=$((kills + 1))
        start_casemated || break
        now=$(wc -l <"$scratch/succeeded")
        [ "$now" -gt "$seen" ] || every=$((every * 2))
        seen=$now next_kill=$((SECONDS - began + every))
    fi
done
wait "${running[@]}" 2>/dev/null
ok "casemated serves after being killed $kills times" host info || diag "$(tail -n 30 "$log")"
diag "$acts acts, of which succeeded: $(sort "$scratch/succeeded" | uniq -c | tr -s '\n ' ' ')"
ok "guests were started and ended" enough
is "$doubles" "" "no set of categories and no uid was ever given twice"

# -- the end of all
none_runs() {
    local guest
    for guest in $(host list | awk 'NR > 1 && $3 != "stopped" { print $1 "/" $2 }'); do host kill "$guest"; done >/dev/null 2>&1
    ! host list | awk 'NR > 1 { print $3 }' | grep -qv stopped
}
if wait_for 120 none_runs; then pass "every guest can be ended"; else
    fail "every guest can be ended"
    diag "$(host list)"
    diag "$(tail -n 20 "$scratch/acts.log" "$log")"
fi
is "$(for image in "${images[@]}"; do label "$image"; stat -c ' %u:%g %a' "$image"; done)" "$before" \
    "every image has its label, owner and mode back"
"$CASEMATE" label scan "$srv" 2>&1 | cat >"$scratch/scan"
# Elsewhere than in the test host processes of others' tests may be about, whose store is not this one.
in_test_host || sed -i '/^stray /d' "$scratch/scan"
is "$(grep -E '^(drift|orphan|stray|missing|replaced|changed|failed|unreadable) ' "$scratch/scan")" "" "the scan finds nothing"
like "$(cat "$scratch/scan")" 'objects, [0-9]+ files and [0-9]+ processes looked at' "and says what it looked at"
is "$(for image in "${images[@]}"; do getfattr --absolute-names -d -m - "$image" 2>/dev/null | grep ^user.casemate; done)" "" \
    "no image names a holder"
stop_casemated
is $? 0 "casemated ends when told to" || diag "$(tail -n 12 "$log")"
daemon=''
left_nothing churn
done_testing
