# SPDX-License-Identifier: Apache-2.0
# To be sourced: a run made of parts, each a command. A part that ends with the sum of a runner
# ("12 passed, 0 failed, 1 skipped") counts as that; any other part counts as one, passed or failed
# by its exit status. Nothing stops at a failure: one run shows all that is wrong.

parts_passed=0 parts_failed=0 parts_skipped=0
parts_bad= parts_names=
parts_work=$(mktemp -d) || exit 3
trap 'rm -rf "$parts_work"' EXIT

# parts_why FILE: of a part's output the lines that tell what failed and why, at most 40. With a test that
# failed come the diagnostic lines ("# ...") around it; of a part that is made of parts, what those said.
parts_why() {
    awk '
        function say(line) { sub(/^ */, "", line); why[++n] = substr(line, 1, 200) }
        function text(line) { sub(/^ *\| ?/, "", line); return line }
        /^failed:$/ { n = 0; nested = 1; next }
        nested { if (!/^failed parts: / && !/ passed, .* failed, /) say($0); next }
        text($0) ~ /^#/ {
            if (after > 0) { say($0); after-- } else { before[++b] = $0 }
            next
        }
        text($0) ~ /^not ok/ && !/# SKIP/ {
            for (i = b > 3 ? b - 2 : 1; i <= b; i++) say(before[i])
            say($0); after = 6; b = 0
            next
        }
        { after = b = 0 }
        /FAILED|: error: |its host ended before|Assertion|ERROR: |runtime error: / {
            say($0)
            more = / FAILED$|its host ended before/ ? 4 : 0 # a lint check, a host: the next lines are theirs
            next
        }
        more > 0 { say($0); more-- }
        END { for (i = 1; i <= n && i <= 40; i++) print "    " why[i] }' "$1"
}

# part TITLE COMMAND [ARGUMENT...]
part() {
    parts_title=$1
    shift
    echo "== $parts_title"
    parts_start=$(date +%s)
    # The command's status must survive the pipe to tee.
    { "$@" 2>&1 < /dev/null; echo $? > "$parts_work/status"; } | tee "$parts_work/output"
    parts_count "$parts_title" "$parts_work" $(($(date +%s) - parts_start))
}

# part_meanwhile NAME COMMAND [ARGUMENT...]: for a shell in the background: run a part in the time that others leave the
# processors. part_then has its result, once that shell has ended.
part_meanwhile() {
    parts_room=$parts_work/$1
    shift
    mkdir "$parts_room"
    parts_start=$(date +%s)
    nice -n 19 "$@" > "$parts_room/output" 2>&1 < /dev/null
    echo $? > "$parts_room/status"
    echo $(($(date +%s) - parts_start)) > "$parts_room/seconds"
}

# part_then NAME TITLE: show and count it. One that has not come to its end has failed.
part_then() {
    echo "== $2"
    cat "$parts_work/$1/output"
    parts_count "$2" "$parts_work/$1" "$(cat "$parts_work/$1/seconds")"
}

# parts_count TITLE DIRECTORY SECONDS: add to the sum a part whose output and status lie in that directory.
parts_count() {
    parts_status=1
    read -r parts_status < "$2/status"
    # Behind the sum of one that failed, make says that it did.
    parts_sum=$(tail -n 4 "$2/output" |
        sed -n 's/^\([0-9][0-9]*\) passed, \([0-9][0-9]*\) failed, \([0-9][0-9]*\) skipped$/\1 \2 \3/p' | tail -n 1)
    if [ -n "$parts_sum" ]; then
        read -r p f s <<SUM
$parts_sum
SUM
        # A runner that dies behind its sum has failed all the same.
        [ "$parts_status" -eq 0 ] || [ "$f" -gt 0 ] || f=1
    elif [ "$parts_status" -eq 0 ]; then
        p=1 f=0 s=0
    else
        p=0 f=1 s=0
    fi
    parts_passed=$((parts_passed + p))
    parts_failed=$((parts_failed + f))
    parts_skipped=$((parts_skipped + s))
    # What failed is said again at the end: of a long run people see, and keep, the last lines.
    if [ "$f" -ne 0 ]; then
        parts_bad="$parts_bad
  $1 ($f)
$(parts_why "$2/output")"
        parts_names="$parts_names${parts_names:+, }$1 ($f)"
    fi
    echo "-- $1: $([ "$f" -eq 0 ] && echo ok || echo "FAILED"), $3 s"
}

# The sum, alone on the last line. Status 1 if anything failed.
parts_end() {
    [ -z "$parts_bad" ] || printf '%s\n' "failed:$parts_bad" "failed parts: $parts_names"
    echo "$parts_passed passed, $parts_failed failed, $parts_skipped skipped"
    [ "$parts_failed" -eq 0 ]
}
