# SPDX-License-Identifier: Apache-2.0
# To be sourced by a benchmark: timing, rows of results, the JSON file and the table. $work is a scratch
# directory.

# median_ms RUNS COMMAND...: the median of its wall-clock times in milliseconds. Nothing if it fails.
median_ms() {
    local n=$1 i start end
    shift
    : > "$work/times"
    for i in $(seq "$n"); do
        start=$EPOCHREALTIME
        "$@" < /dev/null > /dev/null 2>&1 || return 1
        end=$EPOCHREALTIME
        echo "$start $end" >> "$work/times"
    done
    awk '{ printf "%.1f\n", ($2 - $1) * 1000 }' "$work/times" | sort -n | awk '{ t[NR] = $1 } END { print t[int((NR + 1) / 2)] }'
}

# row NAME UNIT OURS PEER PEER_NAME BETTER TARGET WHY: empty numbers become null.
row() {
    printf '%s\t' "$1" "$2" "${3:-null}" "${4:-null}" "$5" "$6" "${7:-null}" >> "$work/rows"
    printf '%s\n' "${8:-$([ -n "$3" ] || echo "it could not be measured")}" >> "$work/rows"
}

# write_result FILE: the rows as JSON, and as a table on stdout.
write_result() {
    awk -F '\t' '
        function text(s) { gsub(/\\/, "\\\\", s); gsub(/"/, "\\\"", s); gsub(/[^ -~]/, "?", s); return "\"" s "\"" }
        BEGIN { print "[" }
        {
            ratio = $3 != "null" && $4 != "null" && $4 > 0 ? sprintf("%.3f", $3 / $4) : "null"
            met = $3 == "null" || $7 == "null" ? "null" : ($6 == "lower" ? $3 + 0 <= $7 + 0 : $3 + 0 >= $7 + 0) ? "true" : "false"
            printf "%s  {\"name\":%s,\"unit\":%s,\"ours\":%s,\"peer\":%s,\"peer_name\":%s,\"ratio\":%s,\"better\":%s,\"target\":%s,\"met\":%s", \
                (NR > 1 ? ",\n" : ""), text($1), text($2), $3, $4, text($5), ratio, text($6), $7, met
            if ($3 == "null") printf ",\"why\":%s", text($8)
            printf "}"
        }
        END { print "\n]" }' "$work/rows" > "$1" || return 1
    awk -F '\t' '
        BEGIN { printf "%-24s %-6s %10s %10s %7s %8s  %s\n", "NAME", "UNIT", "OURS", "PEER", "RATIO", "TARGET", "PEER IS" }
        {
            printf "%-24s %-6s %10s %10s %7s %8s  %s\n", $1, $2, $3 == "null" ? "-" : $3, $4 == "null" ? "-" : $4, \
                ($3 != "null" && $4 != "null" && $4 + 0 > 0 ? sprintf("%.2f", $3 / $4) : "-"), $7 == "null" ? "-" : $7, \
                $3 == "null" ? "not measured: " $8 : $5
        }' "$work/rows"
}
