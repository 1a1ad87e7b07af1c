#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# kernels: 6.1
#
# The command linetls: what it says of a host with nothing, and with everything;
# of connections on a device and in software; and of the counters.
set -eu
# shellcheck source=test/vm/lib-ulp.sh
. "$(dirname "$0")/lib-ulp.sh"

linetls=$LINETLS_SRC/tools/linetls/linetls
[ -x "$linetls" ] || fail "linetls is not built"

# says REGEX: the last output has such a line
says() {
    grep -Eq -- "$1" "$work/said" || fail "no '$1' in: $(<"$work/said")"
}

# run STATUS ARGS: the command, in srv
run() {
    local status=0 want=$1
    shift
    srv "$linetls" "$@" >"$work/said" 2>&1 || status=$?
    is_eq "$status" "$want" "status of linetls $*: $(<"$work/said")"
}

# --- nothing is there yet
ip netns add srv
run 1 doctor
says '^BAD +kernel .*not loaded: modprobe linetls'
says '^BAD +openssl .*does not activate the provider'
run 1 stats
says 'the module linetls is not loaded'
run 2 nonsense
says "no command 'nonsense'"
run 2 stats --interval never
says "--interval: 'never' is not a number"
run 2 stats --json --prometheus
ip netns del srv

# --- everything is there
ulp_begin
export OPENSSL_CONF=$LINETLS_SRC/examples/openssl.cnf
export OPENSSL_MODULES=$LINETLS_PROVIDER_DIR
run 0 doctor
says '^ok +kernel .*linetls is loaded'
says '^ok +tls0 +offloads TLS$'
says '^note +eth0 +no TLS offload'
says '^ok +provider +linetls loads$'
says '^ok +nginx '
srv ethtool -K tls0 tls-hw-tx-offload off
run 0 doctor
says '^note +tls0 +could offload TLS: ethtool -K tls0 tls-hw-tx-offload on$'
srv ethtool -K tls0 tls-hw-tx-offload on
sed 's/^offload = .*/offload = nonsense/' "$OPENSSL_CONF" >"$work/bad.cnf"
OPENSSL_CONF=$work/bad.cnf run 1 doctor
says '^BAD +provider .*does not load'
says 'nonsense'
unset OPENSSL_CONF OPENSSL_MODULES

# --- connections
run 0 status
is_eq "$(wc -l <"$work/said")" 1 "lines without connections"
receive in1 1.3 128 -w "$work/go"
transmit out1 1.3 128 100000
wait_for log_has out1 '^sent'
port1=$ulp_port
receive in2 1.2 256 -w "$work/go"
transmit out2 1.2 256 1000 -m 1
wait_for log_has out2 '^sent'
run 0 status
row="ulp_peer/[0-9]+ +linetls +"
says "^$SRV4:.* $CLI4:$port1 +${row}1.3 AES-128-GCM +device +no +7 -$"
says "^$SRV4:.* $CLI4:$ulp_port +${row}1.2 AES-256-GCM +software no +1 mode$"
run 0 status --json
says "\"peer\": \"$CLI4:$port1\""
says '"sends": "device"'
says '"records": 7,'
says '"reason": "mode"'
says "\"pid\": $(pid_of out2)"
must_fail srv setpriv --reuid 65534 "$linetls" status 2>"$work/said"
says 'status needs root'

# --- counters
run 0 stats
is_eq "$(awk '$1 == "LinetlsTxDevice" {print $2}' "$work/said")" 1 "connections"
must_fail grep -q 'LinetlsDropCrypto' "$work/said"
run 0 stats --all
says '^LinetlsDropCrypto +0$'
is_eq "$(wc -l <"$work/said")" "$(ulp_stats | wc -l)" "counters"
run 0 stats --json
says '"LinetlsTxDevice": 1,'
run 0 stats --prometheus
says '^# TYPE linetls_curr_tx_device gauge$'
says '^linetls_curr_tx_device 1$'
says '^# TYPE linetls_device_bytes_total counter$'
says '^linetls_device_bytes_total [1-9][0-9]+$'
background rates srv "$linetls" stats --interval 3 --count 1
touch "$work/go"
pair_done in1 out1
pair_done in2 out2
finish rates
grep -q '^LinetlsRecords ' "$work/rates.log" && fail "records without traffic"
wait_idle
run 0 status
is_eq "$(wc -l <"$work/said")" 1 "lines after the connections"
unload
