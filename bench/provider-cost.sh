#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What the provider adds to a TLS 1.3 connection of an application, in
# instructions of that process, with callgrind:
#
#   test/vm/run --timeout 1800 bench/provider-cost.sh [CONNECTIONS]
#
# Both ends are in one process and have the provider; each is counted alone,
# from its first step to SSL_free(). A connection is a full handshake with
# an ECDSA P-256 certificate and X25519, two tickets, one byte, both alerts.
set -eu
# shellcheck source=test/vm/lib.sh
. "$(dirname "$0")/../test/vm/lib.sh"

n=${1:-5}
bench=$LINETLS_SRC/bench/bench_handshake
need valgrind openssl
[ -x "$bench" ] || fail "bench_handshake is not built"
make_cert
export OPENSSL_MODULES=$LINETLS_PROVIDER_DIR

# instructions END WAY CONNECTIONS
instructions() {
    valgrind --tool=callgrind --toggle-collect="$1_step" \
        --callgrind-out-file=/dev/null "$bench" "$2" "$3" \
        "$work/cert.pem" "$work/key.pem" >"$work/out" 2>&1 ||
        fail "$1 $2: $(tail -n 3 "$work/out")"
    sed -n 's/.*Collected : //p' "$work/out"
}

# each END WAY OPENSSL_CONF: of one connection, beyond the first ones, which
# fetch algorithms and fill caches
each() {
    local few many
    export OPENSSL_CONF=$3
    few=$(instructions "$1" "$2" 5)
    many=$(instructions "$1" "$2" $((5 + n)))
    echo $(((many - few) / n))
}

declare -A without=()

row() {
    local end=$1 way=$2 what=$3 with
    [ -n "${without[$end $way]:-}" ] ||
        without[$end $way]=$(each "$end" "$way" /dev/null)
    with=$(each "$end" "$way" "$LINETLS_SRC/examples/openssl.cnf")
    printf '%-8s %-34s ' "$end" "$what"
    awk -v a="${without[$end $way]}" -v b="$with" 'BEGIN {
        printf "%9d %9d %7d %6.2f %%\n", a, b, b - a, (b - a) * 100 / a}'
}

rows() {
    row server "$@"
    row client "$@"
}

say "$(openssl version | cut -d' ' -f1-2), kernel $(uname -r)"
printf '%-8s %-34s %9s %9s %7s\n' end connection without with added
echo /bin/false >/proc/sys/kernel/modprobe
rows memory "memory BIOs, left alone"
rows sockets "sockets, no module in the kernel"
echo /sbin/modprobe >/proc/sys/kernel/modprobe
modprobe linetls
rows sockets "sockets, handed over"
is_gt "$(awk '$1 == "LinetlsTxSw" {print $2}' /proc/net/linetls_stat)" "$n" \
    "connections that were handed over"
