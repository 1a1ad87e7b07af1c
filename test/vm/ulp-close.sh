#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Connections that end with data pending, in every state: the peer gets all
# that was accepted where TCP promises it, and nothing of them is left.
set -eu
# shellcheck source=test/vm/lib-ulp.sh
. "$(dirname "$0")/lib-ulp.sh"

# A sender that ends while its peer reads nothing leaves a socket of its own.
orphaned() {
    is_eq "$(ulp_stat LinetlsCurrTxDevice)" 1 "sockets after the sender's end"
    is_gt "$(ulp_stat LinetlsRecordsTracked)" 0 "records of it"
}

# open_record END: what MSG_MORE holds back goes out with the end.
open_record() {
    transfer 1.3 128 100 -L -e "$1"
    is_eq "$(status_of out records)" "${2:-0}" "records before $1"
    transfer 1.2 256 40000 -L -c 5000 -e "$1"
    wait_idle
}

# full END [OPTIONS]: all buffers are full, and a record is in TCP in part.
full() {
    local end=$1
    shift
    rm -f "$work/go"
    receive in 1.3 256 -b 65536 -w "$work/go"
    transmit out 1.3 256 50000000 -F -e "$end" "$@"
    wait_for log_has out '^sent'
    if [ "$end" = exit ] || [ "$end" = close ]; then
        finish out || fail "the sender failed: $(<"$work/out.log")"
        orphaned
        touch "$work/go"
        received in
        is_eq "$(bytes_of in)" "$(sent_of out)" "bytes after $end $*"
    else
        wait_for grew LinetlsRecordsTracked 0
        is_eq "$(grep -c closed "$work/out.log" || :)" 0 "end before the data"
        touch "$work/go"
        pair_done in out
    fi
    wait_idle
}

ulp_begin
capture_start wire

open_record close
open_record exit
open_record linger
open_record wait 1

full close
full close -b 8192
full close -b 30000 -c 7000 -L
full exit -b 100000
full linger -b 20000
full wait -b 20000

# The orphan sends what it has to a peer behind a bad wire.
wire_segments 1
rm -f "$work/go"
receive in 1.2 128 -b 65536 -w "$work/go"
transmit out 1.2 128 50000000 -F -e exit
finish out || fail "the sender failed: $(<"$work/out.log")"
orphaned
wire_netem delay 1ms loss 5% reorder 5%
wire_netem_back loss 5%
touch "$work/go"
received in
is_eq "$(bytes_of in)" "$(sent_of out)" "bytes of an orphan under loss"
wire_clean
wait_idle

# A reset by the sender: nothing is promised, nothing is left.
rm -f "$work/go"
receive in 1.3 128 -b 65536 -w "$work/go"
transmit out 1.3 128 50000000 -F -b 50000 -e reset
finish out || fail "the sender failed: $(<"$work/out.log")"
wait_idle
touch "$work/go"
must_fail finish in
log_has in 'Connection reset' || fail "the peer saw no reset"

# A reset by the peer in mid-transfer.
receive in 1.3 256 -r 300000
transmit out 1.3 256 50000000
must_fail finish out
log_has out 'send at .*: (Connection reset|Broken pipe)' ||
    fail "the sender saw no reset: $(<"$work/out.log")"
received in
wait_idle

# The peer never reads and vanishes: the orphan gives up.
srv sysctl -qw net.ipv4.tcp_orphan_retries=1
rm -f "$work/go"
receive in 1.3 128 -b 65536 -w "$work/go"
transmit out 1.3 128 50000000 -F -b 100000 -e exit
finish out || fail "the sender failed: $(<"$work/out.log")"
orphaned
wire_netem loss 100%
wire_netem_back loss 100%
stop in KILL
wait_idle 40
wire_clean

leak_free wire
no_drops
unload
