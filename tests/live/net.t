#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# casemate-net: frames between a guest and its tap, with the offloads that both agreed on.
. "$(dirname "$0")/lib/guest.sh"
need_kvm
stock_kernels || skip_all "$NO_STOCK"
LONG=600
remember

tap=casemate-live
for t in $tap $tap-2; do
    ip tuntap add dev "$t" mode tap || skip_all "no tap device to be had"
    at_exit ip link del "$t"
done
ip address add 10.77.0.1/24 dev "$tap"
ip address add 10.77.1.1/24 dev "$tap-2"
ip link set "$tap" up
ip link set "$tap-2" up
count() { cat "/sys/class/net/$tap/statistics/$1"; }

# -- ping, and 64 MiB there and back
# As much of /dev/urandom would take an emulated CPU longer than the transfer: so one MiB, doubled, with a word between.
head -c 1M /dev/urandom >"$scratch/data"
for i in 1 2 3 4 5 6; do
    cat "$scratch/data" - "$scratch/data" <<<"$i" >"$scratch/doubled"
    mv "$scratch/doubled" "$scratch/data"
done
truncate -s 64M "$scratch/data"
sum=$(sha256sum <"$scratch/data" | cut -d' ' -f1)
socat -u "OPEN:$scratch/data" TCP-LISTEN:7001,bind=10.77.0.1,reuseaddr &
sender=$!
socat -u TCP-LISTEN:7002,bind=10.77.0.1,reuseaddr "CREATE:$scratch/back" &
receiver=$!
at_exit kill "$sender" "$receiver"
MEMORY=512M run_debian tcp marker,net,tcp --net "tap=$tap,mac=52:54:00:ca:5e:01" --net "tap=$tap-2" --name stable
steps_ok tcp marker net tcp
is "$CODE" 0 "exit status"
like "$(console tcp)" '^guest: nic eth0 52:54:00:ca:5e:01$' "the card has the address that was given"
like "$(console tcp)" '^guest: ok net 5 packets transmitted, 5 (packets )?received, 0% packet loss' "no ping is lost"
like "$(console tcp)" "^guest: ok tcp 64 MiB sha256=$sum\$" "64 MiB come whole to the guest"
wait_for 10 test "$(stat -c %s "$scratch/back" 2>/dev/null)" = 67108864
ok "64 MiB come whole from the guest" cmp "$scratch/data" "$scratch/back"

# -- offloads: frames larger than the MTU passed both ways, so segmentation was left to the other side
from_guest=$(($(count rx_bytes) / ($(count rx_packets) + 1)))
to_guest=$(($(count tx_bytes) / ($(count tx_packets) + 1)))
diag "average frame: $from_guest bytes from the guest, $to_guest bytes to it"
ok "the guest sends segments larger than its MTU (TSO)" test "$(($(count rx_packets) * 1514))" -lt "$(count rx_bytes)"
ok "the guest takes segments larger than its MTU (mergeable buffers)" \
    test "$(($(count tx_packets) * 1514))" -lt "$(count tx_bytes)"

# -- a larger MTU, and an address of its own when none is given: local, unicast, the same at each start
ip link set "$tap" mtu 9000
APPEND="casemate.mtu=9000" run_debian mtu marker,net --net "tap=$tap" --net "tap=$tap-2" --name stable
steps_ok mtu net
like "$(console mtu)" '^guest: ok net .* of 8900 bytes, mtu 9000' "frames of 9000 bytes pass"
address() { console "$1" | sed -n "s/^guest: nic $2 //p"; }
like "$(address tcp eth1)" '^.[26ae]:' "the address that is chosen is a local, unicast one"
is "$(address mtu eth1)" "$(address tcp eth1)" "it is the same at each start"
isnt "$(address mtu eth0)" "$(address mtu eth1)" "and another one for each card"

ip link del "$tap"
ip link del "$tap-2"
left_nothing net
done_testing
