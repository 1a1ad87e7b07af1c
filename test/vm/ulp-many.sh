#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# 200 connections, 50 at a time, with all versions and ciphers and all ways
# to end: afterwards nothing is left and the modules can be removed.
set -eu
# shellcheck source=test/vm/lib-ulp.sh
. "$(dirname "$0")/lib-ulp.sh"

batch() {
    local version=$1 bits=$2 size=$3
    shift 3
    receive in "$version" "$bits" -j 50
    transmit out "$version" "$bits" "$size" -j 50 "$@"
    finish out || fail "a sender failed: $(<"$work/out.log")"
    received in
    is_eq "$(grep -c "^bytes $size other 0$" "$work/in.log")" 50 \
        "connections with all bytes"
}

ulp_begin
batch 1.2 128 20000 -e wait
batch 1.3 256 20000 -e close
batch 1.2 256 20000 -e linger
batch 1.3 128 20000 -e exit
is_eq "$(ulp_stat LinetlsTxDevice)" 200 "connections on the device"
is_eq "$(nic_stat tx_tls_ctx)" 200 "contexts of the device"
is_eq "$(ulp_stat LinetlsRecords)" 400 "records"
wait_idle
is_eq "$(ulp_stat LinetlsSoftwarePackets)" 0 "packets in software"
no_drops
unload
