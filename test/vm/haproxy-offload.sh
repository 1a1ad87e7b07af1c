#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Debian's HAProxy, examples/haproxy.cfg and the preloaded library: the device
# encrypts what HAProxy sends. Without the library nothing is changed. An
# application that moves its data before it repeats a write (as HAProxy does)
# gets what it meant through our filter, and not by libssl's own kTLS.
# shellcheck source-path=SCRIPTDIR disable=SC2119
#
# kernels: 6.1
. "${LINETLS_SRC:?}/test/vm/lib-ulp.sh"
. "$LINETLS_SRC/test/vm/lib-provider.sh"

need haproxy nginx curl tcpdump openssl
PORT=4434
ulp_begin
make_site
cat "$work/cert.pem" "$work/key.pem" >"$work/haproxy.pem"
cp "$LINETLS_SRC/examples/haproxy.cfg" "$work"
cat >"$work/backend.conf" <<END
error_log error.log;
pid backend.pid;
events {}
http {
    access_log off;
    server { listen 127.0.0.1:8080; root html; }
}
END
chmod a+r "$work"/*
background backend srv nginx -p "$work" -c backend.conf -g 'daemon off;'

# start_haproxy [VARIABLE=VALUE]...
start_haproxy() {
    background haproxy srv "${with_provider[@]}" "$@" \
        haproxy -db -C "$work" -f haproxy.cfg
    wait_for listening $NGINX_PORT
}

# offloads CONNECTIONS CMD...: CMD makes that many, all on the device.
offloads() {
    local connections=$1 before
    shift
    before=$(ulp_stat LinetlsTxDevice)
    "$@"
    is_eq $(($(ulp_stat LinetlsTxDevice) - before)) "$connections" \
        "on the device: $*"
}

url=https://$SRV4:$NGINX_PORT
capture_start wire
start_haproxy "LD_PRELOAD=$LINETLS_PROVIDER_DIR/liblinetls-fd.so"
wait_for listening 8080
for cipher in ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-ECDSA-AES256-GCM-SHA384; do
    offloads 1 download_all 1.2 $cipher $url
done
for cipher in TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384; do
    offloads 1 download_all 1.3 $cipher $url
done
# A client that is slower than HAProxy: its writes have to wait.
offloads 1 curl_tls 1.3 TLS_AES_128_GCM_SHA256 --http1.1 --limit-rate 4M \
    -o "$work/got" $url/$BIG
cmp "$work/got" "$work/html/$BIG"
is_eq "$(debug_lines haproxy 'offloaded by linetls.* path 1')" 5 \
    "connections on the device"
stop haproxy
say "$SECONDS s: HAProxy with the library: equal, on the device"

start_haproxy
offloads 0 download_all 1.2 ECDHE-ECDSA-AES128-GCM-SHA256 $url
offloads 0 download_all 1.3 TLS_AES_128_GCM_SHA256 $url
is_eq "$(debug_lines haproxy 'offloaded')" 0 "offloaded without the library"
stop haproxy
say "$SECONDS s: HAProxy without the library: equal, untouched"

# moving OUTPUT CONFIG [OPTION]: what a client gets of an application that
# moves its data, under this configuration of OpenSSL.
moving() {
    local output=$1 config=$2
    shift 2
    background sender srv "${with_provider[@]}" "OPENSSL_CONF=$config" \
        "$tools/key_update" accept "$SRV4" $PORT "$work/cert.pem" \
        -k "$work/key.pem" -f "$work/html/1048576" -e -m -b 20000 "$@"
    wait_for listening $PORT
    cli timeout 60 "$tools/key_update" connect "$SRV4" $PORT \
        "$work/cert.pem" -o "$output" >"$work/receiver.log" 2>&1 ||
        fail "receiver: $(<"$work/receiver.log")"
    finish sender || fail "sender: $(<"$work/sender.log")"
}
moving "$work/got" "$LINETLS_SRC/examples/openssl.cnf"
is_eq "$(debug_lines sender 'offloaded by linetls')" 1 "offloaded"
cmp "$work/got" "$work/html/1048576"
capture_stop wire
is_eq "$(capture_search wire "$MARKER" "HTTP/1.1 200")" 0 "plaintext"
no_drops
wait_idle

# The same by libssl itself (OpenSSL issue 21202): spoilt bytes arrive.
modprobe tls
moving "$work/bad" /dev/null -K
is_eq "$(tls_stat TlsTxSw)" 1 "by libssl's own kTLS"
must_fail cmp -s "$work/bad" "$work/html/1048576"
say "$SECONDS s: data that is moved: equal through the filter, spoilt without"
