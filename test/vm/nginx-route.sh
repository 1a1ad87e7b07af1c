#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# timeout: 600
#
# While nginx sends a file, its route moves from linetls_nic to the plain
# device below it and back, twice: software encrypts during the detours, the
# device before, between and after.
# shellcheck source-path=SCRIPTDIR
. "${LINETLS_SRC:?}/test/vm/lib-ulp.sh"
. "$LINETLS_SRC/test/vm/lib-provider.sh"
. "$LINETLS_SRC/test/vm/lib-matrix.sh"

need nginx curl tcpdump openssl ethtool

# What has not been sent when the route moves is sent by the new one.
software() {
    local device
    route_to eth0
    wait_growth LinetlsSoftwarePackets
    device=$(ulp_stat LinetlsDevicePackets)
    wait_growth LinetlsSoftwarePackets 20
    is_eq "$(ulp_stat LinetlsDevicePackets)" "$device" \
        "packets for the device during the detour"
}

device() {
    local software
    route_to tls0
    wait_growth LinetlsDevicePackets
    software=$(ulp_stat LinetlsSoftwarePackets)
    wait_growth LinetlsDevicePackets 20
    is_le "$(ulp_stat LinetlsSoftwarePackets)" $((software + FEW)) \
        "packets in software after the detour"
}

# download PATH: of $BIG bytes in $version and $cipher
download() {
    local before option=--ciphers
    [ "$version" != 1.3 ] || option=--tls13-ciphers
    before=$(ulp_stat LinetlsTxDevice)
    # Slow until the last detour, however slow that is.
    far_netem delay 2ms rate 3mbit
    background curl cli curl -sS --fail --max-time $((2 * PATIENCE)) \
        --cacert "$work/cert.pem" "--tlsv$version" --tls-max "$version" \
        $option "$cipher" -o "$work/got/$BIG" \
        "https://$SRV4:$NGINX_PORT$1/$BIG"
    device
    software
    device
    software
    device
    running curl || fail "the download has ended before the last detour"
    far_netem delay 2ms rate 50mbit
    finish curl || fail "curl: $(<"$work/curl.log")"
    cmp "$work/html/$BIG" "$work/got/$BIG"
    rm "$work/got/$BIG"
    is_eq $(($(ulp_stat LinetlsTxDevice) - before)) 1 "connections"
}

FILES=()
matrix_begin
route_to tls0
# Little is in flight, so that a download takes its time.
srv sysctl -qw net.ipv4.tcp_wmem='4096 65536 262144'
start_nginx
capture_start wire
read -r version _ cipher <<<"${SUITES[3]}"
download ""
read -r version _ cipher <<<"${SUITES[0]}"
download /proxied
capture_stop wire
is_eq "$(capture_search wire "$MARKER" "${HEADERS[@]}")" 0 \
    "plaintext on the wire"
no_drops
is_gt "$(nic_stat tx_tls_encrypted_packets)" 1000 "packets of the device"
stop nginx
matrix_end
unload
