#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The route of a connection moves from linetls_nic to the plain device below
# it and back, in mid-transfer: software encrypts during the detour, the
# device before and after.
set -eu
# shellcheck source=test/vm/lib-ulp.sh
. "$(dirname "$0")/lib-ulp.sh"

detour() {
    local device software
    route_to eth0
    wait_growth LinetlsSoftwarePackets
    device=$(ulp_stat LinetlsDevicePackets)
    wait_growth LinetlsSoftwarePackets 10
    is_eq "$(ulp_stat LinetlsDevicePackets)" "$device" \
        "packets for the device during the detour"

    route_to tls0
    wait_growth LinetlsDevicePackets
    software=$(ulp_stat LinetlsSoftwarePackets)
    wait_growth LinetlsDevicePackets 10
    # What begins in an acknowledged record no device can encrypt.
    is_le "$(ulp_stat LinetlsSoftwarePackets)" $((software + 3)) \
        "packets in software after the detour"
}

ulp_begin
route_to tls0
far_netem delay 2ms rate 8mbit
capture_start wire

for keys in "1.3 128" "1.2 256"; do
    rm -f "$work/enough"
    # shellcheck disable=SC2086
    receive in $keys
    # shellcheck disable=SC2086
    transmit out $keys 1000000 -w "$work/enough" -c 60000 -b 300000
    wait_growth LinetlsDevicePackets 10
    detour
    detour
    touch "$work/enough"
    pair_done in out
    is_eq "$(status_of out path)" 1 "path at the end"
    is_eq "$(status_of out reason)" 0 "reason at the end"
    software=$(status_of out software)
    is_gt "${software%/*}" 21 "packets of the connection in software"
done

# The route moves before a device is asked; the device of its end is.
for there in eth0 tls0; do
    route_to tls0
    [ $there = eth0 ] || route_to eth0
    rm -f "$work/enough"
    receive in 1.3 256
    transmit out 1.3 256 300000 -w "$work/enough" -H 200000 -c 20000 \
        -b 20000 -R 100000
    wait_growth LinetlsSoftwarePackets 5
    is_eq "$(ulp_stat LinetlsCurrTxDevice)" 0 "on a device before it is asked"
    refused=$(ulp_stat LinetlsReasonNoFeature)
    route_to $there
    [ $there = eth0 ] || wait_growth LinetlsDevicePackets 5
    [ $there = tls0 ] || wait_for grew LinetlsReasonNoFeature "$refused"
    touch "$work/enough"
    pair_done in out
    is_eq "$(status_of out reoffloads)" 0 "reoffloads, to $there"
    is_eq "$(status_of out fallbacks)" 0/0 "fallbacks, to $there"
    case $there in
    tls0) is_eq "$(status_of out reason)" 0 "reason at the end on $there" ;;
    *) is_eq "$(status_of out reason)" 3 "reason at the end on $there" ;;
    esac
done
is_eq "$(ulp_stat LinetlsHandovers)" 1 "handed over later"

# A connection that begins on the detour has no device, and none after it.
route_to eth0
transfer 1.3 256 100000
is_eq "$(status_of out reason)" 3 "reason of a connection by the plain device"

leak_free wire
no_drops
is_gt "$(nic_stat tx_tls_encrypted_packets)" 100 "packets of the device"
wait_idle
unload
