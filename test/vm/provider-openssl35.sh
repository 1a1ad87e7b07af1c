#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# timeout: 600
# root: trixie
#
# The same linetls.so in Debian 13, with its OpenSSL 3.5 and nginx 1.26: every
# version and cipher of the device, and keys that change.
# shellcheck source-path=SCRIPTDIR disable=SC2119
#
# kernels: 6.12
. "${LINETLS_SRC:?}/test/vm/lib-ulp.sh"
. "$LINETLS_SRC/test/vm/lib-provider.sh"
. "$LINETLS_SRC/test/vm/lib-root.sh"

need curl openssl tcpdump
enter_root trixie
tool=$tools/key_update
PORT=4434 SIZE=1048576

is_eq "$(in_root openssl version | cut -d. -f1-2)" "OpenSSL 3.5" "its OpenSSL"
ulp_begin
make_site
printf '%s\n' {10..40} >"$work/say"
capture_start wire

# field NAME WHAT: of what the tool has printed last
field() {
    log_field "$1" "$2 ([0-9]+)"
}

ciphers_12=(ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-ECDSA-AES256-GCM-SHA384)
ciphers_13=(TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384)
downloads() {
    local i
    for i in 0 1; do
        offloads "$1" download_all 1.2 "${ciphers_12[i]}" "$2"
        offloads "$1" download_all 1.3 "${ciphers_13[i]}" "$2"
    done
}

server_in_root nginx nginx -p "$work" -c nginx.conf -g 'daemon off;'
wait_for listening $NGINX_PORT
downloads 1 "https://$SRV4:$NGINX_PORT"
downloads 1 "https://$SRV4:$NGINX_PORT/proxied"
say "$SECONDS s: nginx of Debian 13: equal"

# Requests come while earlier responses are on their way, and in one packet
# with a KeyUpdate each.
request() {
    printf 'GET /%s HTTP/1.1\r\nHost: x\r\nConnection: %s\r\n\r\n' "$@"
}
for path in '' proxied/; do
    request $path$SIZE keep >"$work/requests"
    every=$(stat -c %s "$work/requests")
    for i in 2 3 4; do
        request $path$SIZE keep
    done >>"$work/requests"
    request $path$SIZE close >>"$work/requests"
    cli timeout 60 "$tool" connect "$SRV4" $NGINX_PORT "$work/cert.pem" \
        -o "$work/got" -f "$work/requests" -u "$every" -r \
        >"$work/in.log" 2>&1 || fail "nginx /$path: $(<"$work/in.log")"
    grep -a "^$MARKER" "$work/got" >"$work/bodies" || :
    cat "$work/html/$SIZE"{,,,,} | cmp - "$work/bodies" || fail "nginx /$path"
    is_gt "$(field in updates-received)" 0 "KeyUpdates of nginx /$path"
done
stop nginx
! grep -E '\[(alert|crit|error)\]' "$work/error.log" ||
    fail "nginx has logged an error"
say "$SECONDS s: nginx answers a client that asks for new keys: equal"

for mode in '' -sendfile; do
    # shellcheck disable=SC2086
    server_in_root s_server "$LINETLS_SRC/examples/s_server" "$work/html" \
        "$work/cert.pem" "$work/key.pem" -accept $S_SERVER_PORT $mode
    wait_for listening $S_SERVER_PORT
    downloads ${#FILES[@]} "https://$SRV4:$S_SERVER_PORT"
    is_eq "$(count 'KTLS SENDFILE .* OK' "$work/s_server.log")" \
        "$([ -z "$mode" ] && echo 0 || echo $((4 * ${#FILES[@]})))" \
        "files by SSL_sendfile()"
    stop s_server
done
say "$SECONDS s: s_server of OpenSSL 3.5: equal"

# Each side changes keys, and asks the other for it; who sends has linetls.
before=$(ulp_stat LinetlsRekeys)
server_in_root out "$tool" accept "$SRV4" $PORT "$work/cert.pem" \
    -k "$work/key.pem" -f "$work/html/$SIZE" -e -o "$work/said" -u 100000 -r
wait_for listening $PORT
cli timeout 60 "$tool" connect "$SRV4" $PORT "$work/cert.pem" \
    -o "$work/got" -f "$work/say" -u 10 -r >"$work/in.log" 2>&1 ||
    fail "client: $(<"$work/in.log")"
finish out || fail "server: $(<"$work/out.log")"
cmp "$work/got" "$work/html/$SIZE"
cmp "$work/said" "$work/say"
is_eq "$(field in updates-received)" "$(field out updates-sent)" "KeyUpdates"
is_gt "$(field out updates-sent)" 10 "KeyUpdates of the server"
is_eq $(($(ulp_stat LinetlsRekeys) - before)) "$(field out updates-sent)" \
    "new keys in the kernel"
say "$SECONDS s: both sides change keys: equal"

capture_stop wire
is_eq "$(capture_search wire "$MARKER" "HTTP/1.1 200")" 0 "plaintext"
no_drops
wait_idle
