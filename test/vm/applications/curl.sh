# shellcheck shell=bash disable=SC2034,SC2086,SC2154
# SPDX-License-Identifier: GPL-2.0
#
# The client has the provider: an upload to a server that has not.
label=curl
[ -z "$variant" ] || label="curl with liblinetls-fd.so"

version() {
    in_root curl --version | grep -Eo '[0-9]+\.[0-9]+' | head -n 1
}

listening_there() {
    cli ss -Htln "sport = :$PORT" | grep -q .
}

start() {
    upload_conf far "$PORT" ssl
    peer server nginx -c "$work/far.conf" -g 'daemon off;'
    wait_for listening_there
}

use() {
    local preload=() options
    [ -z "$variant" ] ||
        preload=("LD_PRELOAD=$LINETLS_PROVIDER_DIR/liblinetls-fd.so")
    options=(-sS --max-time 120 --cacert "$work/cert.pem" --tlsv"$1"
        --tls-max "$1" -H Expect:
        -w '%{http_code} %{num_connects} %{size_download} %{size_upload}\n')
    rm -f "$work/got" "$work/put/up"
    srv chroot "$root" env "${preload[@]}" curl "${options[@]}" \
        -o "$work/got" https://$CLI4:$PORT/$SIZE \
        --next "${options[@]}" -T "$work/up" -o "$work/answer" \
        https://$CLI4:$PORT/put/up >"$work/codes" 2>"$work/errors" ||
        fail "$name: curl $1: $(<"$work/codes") $(<"$work/errors")"
    seen "TLS $1 $(<"$work/codes")"
    downloaded "$work/got"
    uploaded "$work/put/up"
}
