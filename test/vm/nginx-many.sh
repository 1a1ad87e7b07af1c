#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# timeout: 400
#
# 200 connections to nginx, many at a time, and some that the client resets in
# mid-file: afterwards nothing is left of them, and all modules can be removed.
# shellcheck source-path=SCRIPTDIR disable=SC2119
. "${LINETLS_SRC:?}/test/vm/lib-ulp.sh"
. "$LINETLS_SRC/test/vm/lib-provider.sh"

need nginx curl tcpdump openssl ethtool
FILES=(1 16385)
ulp_begin
make_site
start_nginx
capture_start wire
mkdir "$work/got"
url=https://$SRV4:$NGINX_PORT

# batch VERSION NAME PATH: 100 connections, of which 25 are open at a time
batch() {
    cli curl -sS --fail --no-progress-meter --max-time $((2 * PATIENCE)) \
        --parallel --parallel-immediate --parallel-max 25 \
        -H 'Connection: close' --cacert "$work/cert.pem" \
        --tlsv"$1" --tls-max "$1" -o "$work/got/$2.#1" "$url$3/16385?[1-100]"
}

# reset VERSION: the client goes when it sees how large the file is.
reset() {
    local status=0
    cli curl -sS --max-filesize 100000 --max-time 30 \
        --cacert "$work/cert.pem" --tlsv"$1" --tls-max "$1" \
        -o "$work/none" "$url/$BIG" "$url/$BIG" "$url/$BIG" "$url/$BIG" \
        2>/dev/null || status=$?
    is_eq "$status" 63 "status of curl that goes away"
}

batch 1.2 proxied /proxied
batch 1.3 file ""
is_eq "$(ulp_stat LinetlsTxDevice)" 200 "connections on the device"
is_eq "$(nic_stat tx_tls_ctx)" 200 "contexts of the device"
(cd "$work/got" && sha256sum -- *) | cut -c 1-64 | uniq -c >"$work/sums"
is_eq "$(<"$work/sums")" "$(printf '%7d ' 200
    sha256sum "$work/html/16385" | cut -c 1-64)" "files, and their sum"
is_gt "$(nic_stat tx_tls_encrypted_bytes)" $((200 * 16385)) "encrypted bytes"

before=$(ulp_stat LinetlsTxDevice)
reset 1.2
reset 1.3
is_gt "$(ulp_stat LinetlsTxDevice)" "$before" "connections that were reset"

wait_idle 60
is_eq "$(ulp_stat LinetlsTxSw)" 0 "connections in software"
no_drops
capture_stop wire
is_eq "$(capture_search wire "$MARKER" "Server: nginx")" 0 \
    "plaintext on the wire"

stop nginx QUIT
unload
[ ! -d /sys/module/tls ] || wait_for lib_remove tls
