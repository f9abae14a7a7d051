# SPDX-License-Identifier: Apache-2.0
# To be sourced: a run made of parts, each a command. A part whose last line is the sum of a runner
# ("12 passed, 0 failed, 1 skipped") counts as that; any other part counts as one, passed or failed
# by its exit status. Nothing stops at a failure: one run shows all that is wrong.

parts_passed=0 parts_failed=0 parts_skipped=0
parts_bad=
parts_work=$(mktemp -d) || exit 3
trap 'rm -rf "$parts_work"' EXIT

# part TITLE COMMAND [ARGUMENT...]
part() {
    parts_title=$1
    shift
    echo "== $parts_title"
    parts_start=$(date +%s)
    # The command's status must survive the pipe to tee.
    { "$@" 2>&1 < /dev/null; echo $? > "$parts_work/status"; } | tee "$parts_work/output"
    read -r parts_status < "$parts_work/status"
    parts_sum=$(tail -n 1 "$parts_work/output" |
        sed -n 's/^\([0-9][0-9]*\) passed, \([0-9][0-9]*\) failed, \([0-9][0-9]*\) skipped$/\1 \2 \3/p')
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
    [ "$f" -eq 0 ] || parts_bad="$parts_bad
  $parts_title ($f)
$(grep -E 'not ok|FAILED|: error: |its host ended|Assertion' "$parts_work/output" | head -n 30 | cut -c1-200 | sed 's/^ */    /')"
    echo "-- $parts_title: $([ "$f" -eq 0 ] && echo ok || echo "FAILED"), $(($(date +%s) - parts_start)) s"
}

# The sum, alone on the last line. Status 1 if anything failed.
parts_end() {
    [ -z "$parts_bad" ] || echo "failed:$parts_bad"
    echo "$parts_passed passed, $parts_failed failed, $parts_skipped skipped"
    [ "$parts_failed" -eq 0 ]
}
