#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# On a route by linetls_nic the device encrypts everything: all ways of
# sending, on a clean wire and on one that loses, reorders and duplicates.
set -eu
# shellcheck source=test/vm/lib-ulp.sh
. "$(dirname "$0")/lib-ulp.sh"

ulp_begin
capture_start wire
capture_start device tls0

transfer_all_ways
is_eq "$(status_of out path)" 1 "path of a connection"
is_eq "$(status_of out reason)" 0 "reason of a connection on the device"
is_eq "$(status_of out ifindex)" \
    "$(srv ip -o link show tls0 | cut -d : -f 1)" "ifindex of the device"
ulp_host=$CLI6
transfer 1.2 128 500000
transfer 1.3 256 500000
ulp_host=$CLI4
transfer 1.3 128 100000 -m 2

capture_stop device
is_gt "$(capture_search device $PATTERN)" 1000 "plaintext on tls0"
rm "$work/device.pcap"

connections=$(ulp_stat LinetlsTxDevice)
is_gt "$connections" 26 "connections on the device"
is_eq "$(nic_stat tx_tls_ctx)" "$connections" "contexts of the device"
is_gt "$(ulp_stat LinetlsDevicePackets)" 500 "packets for the device"
is_gt "$(ulp_stat LinetlsDeviceBytes)" 18000000 "bytes for the device"
is_eq "$(nic_stat tx_tls_encrypted_bytes)" \
    "$(ulp_stat LinetlsDeviceBytes)" "bytes of the device and for it"
is_eq "$(ulp_stat LinetlsSoftwarePackets)" 0 "packets in software"
is_eq "$(ulp_stat LinetlsTxSw)" 0 "connections in software"
no_drops

transfer_lossy
is_gt "$(nic_stat tx_tls_ooo)" 0 "packets out of order"
is_gt "$(nic_stat tx_tls_resync)" 0 "resyncs"
is_gt "$(nic_stat tx_tls_resync_bytes)" 0 "bytes fed to the device"
is_eq "$(ulp_stat LinetlsTxSw)" 0 "connections in software, lossy"

leak_free wire
wait_idle
unload
