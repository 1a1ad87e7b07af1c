#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# TLS_TX where the device can't be had: the connection is encrypted in
# software and says why, or TLS_TX fails where the mode requires a device.
set -eu
# shellcheck source=test/vm/lib-ulp.sh
. "$(dirname "$0")/lib-ulp.sh"

# in_software REASON COUNTER [OPTIONS]: prefer works, and is counted.
in_software() {
    local reason=$1 counter=$2 before
    shift 2
    before=$(ulp_stat "$counter")
    transfer 1.3 128 50000 "$@"
    is_eq "$(status_of out path)" 0 "path, $counter"
    is_eq "$(status_of out reason)" "$reason" "reason, $counter"
    is_eq "$(status_of out ifindex)" 0 "ifindex, $counter"
    is_eq "$(ulp_stat "$counter")" $((before + 1)) "$counter"
}

# not_required: TLS_TX fails with ENODEV in mode "require".
not_required() {
    receive in 1.3 128
    transmit out 1.3 128 50000 -m 2
    must_fail finish out
    log_has out 'TLS_TX: No such device' ||
        fail "not ENODEV but $(<"$work/out.log")"
    # The receiver took TLS for granted, and sees the end before any record.
    received in
    is_eq "$(bytes_of in)" 0 "bytes after a refused TLS_TX"
}

on_device() {
    transfer 1.3 128 50000
    is_eq "$(status_of out path)" 1 "path, $1"
}

ulp_begin
fail_add=/sys/kernel/debug/linetls_nic/tls0/fail_add
capture_start wire

echo 1 >$fail_add
in_software 5 LinetlsReasonRefused
is_eq "$(nic_stat tx_tls_ctx_refused)" 1 "contexts refused"
echo 1 >$fail_add
not_required
is_eq "$(nic_stat tx_tls_ctx_refused)" 2 "contexts refused"
is_eq "$(<$fail_add)" 0 "failures left over"
on_device "after refusals"

srv ethtool -K tls0 tls-hw-tx-offload off
in_software 3 LinetlsReasonNoFeature
not_required
srv ethtool -K tls0 tls-hw-tx-offload on
on_device "after the feature was off"

in_software 1 LinetlsReasonMode -m 1
route_to eth0
in_software 3 LinetlsReasonNoFeature
not_required
route_to tls0
on_device "after the route was elsewhere"

leak_free wire
no_drops
is_eq "$(ulp_stat LinetlsTxSw)" 4 "connections in software"
is_eq "$(ulp_stat LinetlsTxDevice)" 3 "connections on the device"
wait_idle
unload
