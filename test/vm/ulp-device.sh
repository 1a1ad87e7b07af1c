#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# On a route by linetls_nic the device encrypts everything: all ways of
# sending, on a clean wire and on one that loses, reorders and duplicates. With
# LINETLS_TX_HANDOVER it is asked after so many bytes, and short connections
# never come to it.
set -eu
# shellcheck source=test/vm/lib-ulp.sh
. "$(dirname "$0")/lib-ulp.sh"

# handed VERSION BITS SIZE BYTES MOST [OPTIONS OF THE SENDER]: BYTES of payload
# by software, or a few more up to MOST, then the device. A packet is the work
# of one of them: that in which the device begins is software's.
handed() {
    local version=$1 bits=$2 size=$3 bytes=$4 most=$5 device software
    shift 5
    transfer "$version" "$bits" "$size" -H "$bytes" "$@"
    device=$(status_of out device)
    software=$(status_of out software)
    is_eq "$(status_of out path)" 1 "path after $bytes bytes, $*"
    is_eq "$(status_of out reason)" 0 "reason after $bytes bytes, $*"
    is_gt "${software#*/}" "$bytes" "bytes in software of $size, $*"
    # Header, tag and nonce of a record of 1000 bytes are the most.
    is_le "${software#*/}" $((most + most / 30 + 65536)) "in software, $*"
    is_gt "${device#*/}" $((size - most - 65536)) "on the device, $*"
    is_eq "$(status_of out reoffloads)" 0 "reoffloads, $*"
    is_eq "$(status_of out fallbacks)" 0/0 "fallbacks, $*"
}

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

# A record that begins before the last of the bytes is software's.
ways=("-c 1000000" "-c 1000" "-M -c 1000" "-f $work/file" "-n -b 20000")
for way in "${ways[@]}"; do
    # shellcheck disable=SC2086
    handed 1.3 256 400000 100000 116384 $way
done
handed 1.2 128 400000 1 16384
handed 1.3 128 400000 16384 16384
is_eq "$(ulp_stat LinetlsHandovers)" 7 "connections handed over later"
is_eq "$(ulp_stat LinetlsReasonHandover)" 7 "connections that waited"
is_eq "$(ulp_stat LinetlsReoffloads)" 0 "reoffloads"
# One byte is missing at the end.
contexts=$(nic_stat tx_tls_ctx)
transfer 1.3 128 100000 -H 100001
is_eq "$(status_of out path)" 0 "path of a short connection"
is_eq "$(status_of out reason)" 12 "reason of a short connection"
transfer 1.3 128 50000 -H 10000 -m 1
is_eq "$(status_of out reason)" 1 "reason in mode software"
is_eq "$(nic_stat tx_tls_ctx)" "$contexts" "contexts for short connections"
is_eq "$(ulp_stat LinetlsTxSw)" 9 "connections that began in software"
no_drops

transfer_lossy
is_gt "$(nic_stat tx_tls_ooo)" 0 "packets out of order"
is_gt "$(nic_stat tx_tls_resync)" 0 "resyncs"
is_gt "$(nic_stat tx_tls_resync_bytes)" 0 "bytes fed to the device"
is_eq "$(ulp_stat LinetlsTxSw)" 9 "connections in software, lossy"

leak_free wire
wait_idle
unload
