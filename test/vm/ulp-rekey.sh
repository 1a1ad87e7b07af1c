#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Every cipher, and keys that change on the way, on the device where it has the
# cipher and in software. The receiver opens the records with libcrypto.
set -eu
# shellcheck source=test/vm/lib-ulp.sh
. "$(dirname "$0")/lib-ulp.sh"
rekey=$tools/ulp_rekey

# carry VERSION CIPHER SIZE REKEYS [OPTIONS OF THE SENDER]
carry() {
    local version=$1 cipher=$2 size=$3 rekeys=$4
    shift 4
    ulp_port=$((ulp_port + 1))
    background in cli "$rekey" recv $ulp_port "$version" "$cipher"
    wait_for listening_cli
    srv "$rekey" send "$@" "$CLI4" $ulp_port "$version" "$cipher" "$size" \
        >"$work/out.log" || fail "the sender failed: $version $cipher $*"
    received in
    is_eq "$(bytes_of in)" "$size" "bytes of $version $cipher $*"
    [ -z "$rekeys" ] || is_eq "$(log_field in 'rekeys ([0-9]+)')" "$rekeys" \
        "rekeys of $cipher $*"
}

listening_cli() {
    cli ss -Hltn "sport = :$ulp_port" | grep -q .
}

path_of() {
    log_field out '^status path ([0-9])'
}

ulp_begin
capture_start wire
for version in 1.2 1.3; do
    for cipher in gcm128 gcm256 ccm128 chacha; do
        carry $version $cipher 300000 0
        case $cipher in
        ccm*) is_eq "$(path_of)" 0 "path of $version $cipher" ;;
        *) is_eq "$(path_of)" 1 "path of $version $cipher" ;;
        esac
        [ "$(path_of)" = 0 ] || carry $version $cipher 100000 0 -m 1
        is_eq "$(path_of)" 0 "path of $version $cipher in software"
    done
done
carry 1.3 gcm128 1000000 16 -k 1
is_eq "$(path_of)" 1 "path after new keys"
carry 1.3 chacha 1000000 8 -k 2 -m 1
far_netem rate 20mbit
before=$(ulp_stat LinetlsRekeys)
carry 1.3 gcm128 600000 "" -k 1 -n -c 20000
is_gt "$(ulp_stat LinetlsRekeys)" $((before + 29)) "rekeys amid a record"
carry 1.3 gcm256 300000 "" -k 1 -n -c 20000 -m 1

far_netem delay 1ms loss 2% reorder 5% duplicate 1%
wire_segments 1
carry 1.3 gcm256 800000 10 -k 2 -o 3
carry 1.3 ccm128 800000 6 -k 2
carry 1.3 chacha 800000 6 -k 2
is_eq "$(path_of)" 1 "path of chacha"
carry 1.3 gcm128 5000 0 -c 1

# Keys change before a device is asked, and after.
wire_clean
far_clean
before=$(ulp_stat LinetlsHandovers)
carry 1.3 gcm128 1000000 16 -k 1 -H 300000
is_eq "$(path_of)" 1 "path after new keys and a late device"
is_gt "$(log_field out 'software [0-9]+/([0-9]+)')" 300000 "in software first"
carry 1.3 chacha 300000 8 -k 1 -c 40000 -H 310000
is_eq "$(path_of)" 0 "path of new keys and no device"
is_eq "$(ulp_stat LinetlsHandovers)" $((before + 1)) "handed over later"

is_gt "$(ulp_stat LinetlsRekeys)" 40 "rekeys"
is_gt "$(nic_stat tx_tls_resync)" 0 "resyncs"
leak_free wire
wait_idle
unload
