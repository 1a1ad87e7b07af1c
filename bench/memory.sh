#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Memory that is held for slow clients of one file: each connection has taken
# what it would from sendfile(), and the client reads nothing.
#
#   test/vm/run --mem 3072 --timeout 1800 bench/memory.sh [CONNECTIONS]
#
# The file is in the page cache before; what is printed is by how much the free
# memory went down, per connection, sockets and keys included.
set -eu
# shellcheck source=test/vm/lib.sh
. "$(dirname "$0")/../test/vm/lib.sh"

n=${1:-1000}
bench=$LINETLS_SRC/bench/bench_send
[ -x "$bench" ] || fail "bench_send is not built"

modprobe -a tls linetls
topology
make_payload $((10 << 20)) "$work/file"
cat "$work/file" >/dev/null
ulimit -n 8192
sysctl -qw net.ipv4.tcp_mem="400000 500000 600000"

memory_free() {
    echo 1 >/proc/sys/vm/compact_memory
    awk '/^MemFree:/ {print $2}' /proc/meminfo
}

holding() {
    grep -q '^holding' "$work/hold.log"
}

gone() {
    [ -z "$(srv ss -Htn "dport = :4433")" ] &&
        [ -z "$(cli ss -Htn "sport = :4433")" ]
}

# row LABEL WAY DEV [OPTIONS]
row() {
    local label=$1 way=$2 dev=$3 before after held
    shift 3
    route_to "$dev"
    background stall cli "$bench" stall 4433
    wait_for grep -q listening "$work/stall.log"
    before=$(memory_free)
    background hold srv "$bench" -h -n "$n" -f "$work/file" "$@" "$way" \
        $CLI4 4433 $((10 << 20))
    wait_for -t 300 holding
    after=$(memory_free)
    held=$(sed -n 's/^holding //p' "$work/hold.log")
    printf '%-34s %10s %10s\n' "$label" \
        "$(awk -v a="$held" -v n="$n" 'BEGIN {printf "%.0f", a / n / 1024}')" \
        "$(awk -v a=$((before - after)) -v n="$n" \
            'BEGIN {printf "%.0f", a / n}')"
    stop hold
    stop stall KILL
    wait_for -t 120 gone
}

say "$n connections, KiB each, kernel $(uname -r)"
for sndbuf in 0 524288; do
    say
    name="SO_SNDBUF as it is"
    [ $sndbuf = 0 ] || name="SO_SNDBUF $sndbuf"
    printf '%-34s %10s %10s\n' "$name" taken memory
    row "TCP" plain eth0 -b $sndbuf
    row "kernel tls, software" tls eth0 -b $sndbuf
    row "linetls, software" linetls eth0 -b $sndbuf
    row "linetls, software, zero-copy" linetls eth0 -b $sndbuf -z
    row "linetls, device, zero-copy" linetls tls0 -b $sndbuf -z
done
unload
