#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What it costs to send a byte, and a connection, in each of the ways there
# are, in instructions. In a guest with one processor, in one boot:
#
#   test/vm/run --icount --timeout 3000 bench/cost.sh [MIB]
#
# Sender, wire and receiver are on the one processor; the receiver discards,
# so what is above "plain" is the price of TLS. What the software NIC spends
# on encryption, which a real one does in hardware, is measured by a probe on
# that function and left out of the device's rows.
set -eu
# shellcheck source=test/vm/lib.sh
. "$(dirname "$0")/../test/vm/lib.sh"

mib=${1:-64}
bench=$LINETLS_SRC/bench/bench_send
[ -x "$bench" ] || fail "bench_send is not built"
[ "$(nproc)" = 1 ] || fail "needs --icount"

modprobe -a tls linetls
topology
make_cert
export BENCH_CERT=$work/cert.pem BENCH_KEY=$work/key.pem
make_payload $((16 << 20)) "$work/file"
cat "$work/file" >/dev/null
background sink cli "$bench" sink 4433
BENCH_TLS=1 background tls-sink cli "$bench" sink 4434
sinks_ready() {
    cli ss -Htln "sport = :4433" | grep -q . &&
        cli ss -Htln "sport = :4434" | grep -q .
}
wait_for sinks_ready

# A guest under icount that waits for its disk sees time fly, and gives up
# waiting for modules of the crypto API.
for way in tls linetls; do
    wait_for srv "$bench" $way $CLI4 4433 1
done

tracing=/sys/kernel/tracing
echo mono >$tracing/trace_clock
echo 8192 >$tracing/buffer_size_kb
{
    echo p:linetls_enter linetls_nic:nic_encrypt
    echo r:linetls_leave linetls_nic:nic_encrypt
} >$tracing/kprobe_events

# device_work: nanoseconds in nic_encrypt() since the trace was cleared
device_work() {
    awk '/linetls_enter:/ {sub(":", "", $4); begin = $4}
         /linetls_leave:/ {sub(":", "", $4); sum += $4 - begin}
         END {printf "%.0f\n", sum * 1e9}' $tracing/trace
}

# one WAY DEV CONNECTIONS BYTES [OPTIONS]: instructions for all of it
one() {
    local way=$1 dev=$2 n=$3 bytes=$4 port=4433 out busy
    shift 4
    [ "$way" != libssl ] || port=4434
    route_to "$dev"
    [ "$dev" != tls0 ] || echo 1 >$tracing/events/kprobes/enable
    echo >$tracing/trace
    out=$(srv "$bench" "$@" -n "$n" "$way" $CLI4 $port "$bytes") ||
        fail "$way by $dev"
    echo 0 >$tracing/events/kprobes/enable
    busy=$(sed -n 's/^busy \([0-9]*\).*/\1/p' <<<"$out")
    # One more connection than is measured has warmed everything up.
    [ "$dev" != tls0 ] ||
        busy=$((busy - $(device_work) * n / (n + 1)))
    echo "$busy"
}

per() {
    awk -v a="$1" -v b="$2" 'BEGIN {printf "%.2f", a / b}'
}

bulk() {
    local label=$1 way=$2 dev=$3 cost
    shift 3
    cost=$(per "$(one "$way" "$dev" 1 $((mib << 20)) "$@")" $((mib << 20)))
    [ "$way" != plain ] || plain=$cost
    printf '%-34s %8s %8s\n' "$label" "$cost" \
        "$(awk -v a="$cost" -v b="$plain" 'BEGIN {printf "%+.2f", a - b}')"
}

rows() {
    bulk "TCP" plain eth0 "$@"
    bulk "libssl in the process" libssl eth0 "$@"
    bulk "kernel tls, software" tls eth0 "$@"
    bulk "linetls, software" linetls eth0 "$@"
    bulk "linetls, device" linetls tls0 "$@"
}

say "TLS 1.3 AES-128-GCM, instructions per byte, $mib MiB, kernel $(uname -r)"
for gso in 65535 1; do
    wire_segments $gso
    kind="packets of 64 KiB"
    [ $gso != 1 ] || kind="packets of 1448 bytes"
    say
    printf '%-34s %8s %8s\n' "sendfile, $kind" "/byte" "-TCP"
    rows -f "$work/file"
    printf '%-34s %8s %8s\n' "send, $kind" "/byte" "-TCP"
    rows
done

wire_segments 65535
say
printf '%-34s %9s %9s %9s\n' "instructions per connection of" 1K 16K 64K
small() {
    local label=$1 way=$2 dev=$3 size
    printf '%-34s' "$label"
    for size in 1024 16384 65536; do
        printf ' %9.0f' "$(per "$(one "$way" "$dev" 50 $size)" 50)"
    done
    say
}
small "TCP" plain eth0
small "libssl, with its handshake" libssl eth0
small "kernel tls, software" tls eth0
small "linetls, software" linetls eth0
small "linetls, device" linetls tls0
unload
