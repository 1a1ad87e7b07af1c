# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: GPL-2.0
#
# For tests that send files by an unmodified server through linetls_nic, after
# lib-ulp.sh and lib-provider.sh: in each version and cipher, to a client on
# OpenSSL and one on GnuTLS, on a clean wire and on one with loss, reordering
# and duplicates. Everything that the wire has seen is searched in the end.

# "version, GnuTLS's and OpenSSL's name of the cipher"
SUITES=("1.2 AES-128-GCM ECDHE-ECDSA-AES128-GCM-SHA256"
    "1.2 AES-256-GCM ECDHE-ECDSA-AES256-GCM-SHA384"
    "1.3 AES-128-GCM TLS_AES_128_GCM_SHA256"
    "1.3 AES-256-GCM TLS_AES_256_GCM_SHA384"
    "1.3 CHACHA20-POLY1305 TLS_CHACHA20_POLY1305_SHA256")

# What a server sends besides the files.
HEADERS=("HTTP/1.1 200 OK" "HTTP/1.0 200 ok" "Server: nginx")

# Packets that the software may encrypt of one connection under loss: those
# whose first bytes are acknowledged before they reach the device.
FEW=3

matrix_begin() {
    ulp_begin
    wire_segments 1
    make_site
    (cd "$work/html" && sha256sum -- *) >"$work/sums"
    mkdir "$work/got"
}

# get_curl PORT PATH SIZE...; gets and the verdict are in $work/got. As all
# clients here, only the one version and cipher is accepted.
get_curl() {
    local url=https://$SRV4:$1$2 size args=()
    shift 2
    for size; do
        args+=(-o "$work/got/$size" "$url/$size")
    done
    curl_tls "$version" "$cipher" "${args[@]}"
}

get_wget() {
    local url=https://$SRV4:$1$2 priority size args=()
    priority=NORMAL:-VERS-ALL:+VERS-TLS$version
    shift 2
    for size; do
        args+=("$url/$size")
    done
    cli wget -q -nH -nd -P "$work/got" --ca-certificate="$work/cert.pem" \
        --ciphers="$priority:-CIPHER-ALL:+$gnutls" \
        --tries=1 --timeout=$PATIENCE "${args[@]}"
}

# sample ARRAY: the counters now
sample() {
    local -n into=$1
    local key value
    while read -r key value; do
        into[${key%:}]=$value
    done < <(ulp_stats; nic_stats)
}

# measure CMD...: $growth has by how much each counter of $measured grew.
measured=(LinetlsTxDevice LinetlsTxSw LinetlsRecords
    LinetlsSoftwarePackets tx_tls_encrypted_packets tx_tls_encrypted_bytes
    tx_tls_resync)
declare -A growth
measure() {
    local key
    local -A before=() after=()
    sample before
    "$@" || return 1
    sample after
    for key in "${measured[@]}"; do
        [ -n "${after[$key]:-}" ] || fail "no counter $key"
        growth[$key]=$((after[$key] - before[$key]))
    done
}

# cell CLIENT CONNECTIONS PORT PATH SIZE...: one download of these files in
# $version, $gnutls, $cipher on a $wire. All of it is the device's work.
cell() {
    local client=$1 connections=$2 port=$3 path=$4 what bytes=0 size few=0
    shift 4
    what="$wire wire, TLS $version, $gnutls, $client, port $port$path"
    measure "get_$client" "$port" "$path" "$@" || fail "$what: no download"
    for size; do
        bytes=$((bytes + size))
    done
    (cd "$work/got" && sha256sum --quiet --strict --ignore-missing -c \
        "$work/sums") || fail "$what: not what was served"
    rm "${@/#/$work/got/}" || fail "$what: a file is missing"

    is_eq "${growth[LinetlsTxDevice]}" "$connections" "$what: on the device"
    is_eq "${growth[LinetlsTxSw]}" 0 "$what: connections in software"
    is_gt "${growth[LinetlsRecords]}" $((bytes / 16384)) "$what: records"
    is_gt "${growth[tx_tls_encrypted_packets]}" $((bytes / 1460)) \
        "$what: packets of the device"
    is_gt "${growth[tx_tls_encrypted_bytes]}" "$bytes" \
        "$what: bytes of the device"
    [ "$wire" = clean ] || few=$((FEW * connections))
    is_le "${growth[LinetlsSoftwarePackets]}" "$few" \
        "$what: packets in software"
    say "$SECONDS s: $what: $bytes bytes in $# files:" \
        "${growth[tx_tls_encrypted_packets]} packets of the device," \
        "${growth[tx_tls_resync]} resyncs," \
        "${growth[LinetlsSoftwarePackets]} in software"
}

# each_suite FUNCTION: with $version $gnutls $cipher set
each_suite() {
    local suite version gnutls cipher
    for suite in "${SUITES[@]}"; do
        read -r version gnutls cipher <<<"$suite"
        "$@"
    done
}

# both_wires FUNCTION: on a clean wire and a bad one, both captured. Resyncs
# are the sign that the bad one was.
both_wires() {
    local wire resyncs
    for wire in clean lossy; do
        [ $wire = clean ] ||
            wire_netem delay 1ms loss 2% reorder 5% duplicate 1%
        resyncs=$(nic_stat tx_tls_resync)
        capture_start $wire
        each_suite "$@"
        capture_stop $wire
        is_eq "$(capture_search $wire "$MARKER" "${HEADERS[@]}")" 0 \
            "plaintext on the $wire wire"
        no_drops
    done
    is_gt "$(nic_stat tx_tls_resync)" "$resyncs" "resyncs by loss"
    wire_clean
}

# control FUNCTION: the same search finds the files above the device.
control() {
    local wire=clean version gnutls cipher
    read -r version gnutls cipher <<<"${SUITES[3]}"
    capture_start above tls0
    "$@"
    capture_stop above
    is_gt "$(capture_search above "$MARKER")" 500 "lines above the device"
    is_gt "$(capture_search above "${HEADERS[@]}")" 0 \
        "headers above the device"
    rm "$work/above.pcap"
}

# matrix_end: nothing is left, and nothing went wrong unnoticed.
matrix_end() {
    local bad
    wait_idle
    bad=$(nic_stats | grep -E '^(tx_tls_drop|tx_tls_ctx_refused)' |
        grep -v ': 0$') || return 0
    fail "linetls_nic has dropped or refused: $bad"
}
