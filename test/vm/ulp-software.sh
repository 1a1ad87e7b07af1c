#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Without a device that offloads TLS the ULP encrypts in front of the plain
# one: all ways of sending, on a clean wire and on one that loses, reorders
# and duplicates.
set -eu
# shellcheck source=test/vm/lib-ulp.sh
. "$(dirname "$0")/lib-ulp.sh"

ulp_begin plain

# The search finds plaintext where there is some.
capture_start control
transfer none 0 100000
capture_stop control
is_gt "$(capture_search control $PATTERN)" 100 "plaintext of plain TCP"
is_eq "$(ulp_stat LinetlsTxSw)" 0 "connections before the first"

capture_start wire
transfer_all_ways
is_eq "$(status_of out path)" 0 "path of a connection"
is_eq "$(status_of out reason)" 3 "reason: no feature"
ulp_host=$CLI6
transfer 1.2 128 500000
transfer 1.3 256 500000
ulp_host=$CLI4

packets=$(ulp_stat LinetlsSoftwarePackets)
is_gt "$packets" 500 "packets encrypted in software"
is_gt "$(ulp_stat LinetlsSoftwareBytes)" 18000000 "bytes encrypted in software"
is_gt "$(ulp_stat LinetlsTxSw)" 25 "connections in software"
is_eq "$(ulp_stat LinetlsReasonNoFeature)" "$(ulp_stat LinetlsTxSw)" "reasons"
no_drops

retransmits=$(mib srv TcpExt TCPFastRetrans)
transfer_lossy
is_gt "$(mib srv TcpExt TCPFastRetrans)" "$retransmits" "retransmissions"
is_gt "$(ulp_stat LinetlsSoftwarePackets)" $((packets + 3000)) \
    "single segments encrypted in software"

leak_free wire
is_eq "$(ulp_stat LinetlsDevicePackets)" 0 "packets for a device"
is_eq "$(ulp_stat LinetlsTxDevice)" 0 "connections on a device"
wait_idle
unload
