#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Where linetls.ko is not loaded but tls.ko is, the provider gives the keys to
# that one: unmodified nginx and s_server, clients of two implementations. Those
# of TLS 1.3 only if it was told to, since this ULP cannot change keys.
# shellcheck source-path=SCRIPTDIR disable=SC2119
#
# kernels: 6.1
. "${LINETLS_SRC:?}/test/vm/lib.sh"
. "$LINETLS_SRC/test/vm/lib-provider.sh"

need nginx curl gnutls-cli tcpdump openssl
modprobe tls
echo 'blacklist linetls' >/etc/modprobe.d/no-linetls.conf
topology plain
make_site
sed 's/^ulp = .*/ulp = tls/' "$LINETLS_SRC/examples/openssl.cnf" \
    >"$work/tls.cnf"

ciphers_12=(ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-ECDSA-AES256-GCM-SHA384
    ECDHE-ECDSA-CHACHA20-POLY1305)
ciphers_13=(TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384
    TLS_CHACHA20_POLY1305_SHA256)
declare -A first=([1.2]=${ciphers_12[0]} [1.3]=${ciphers_13[0]})

# by_ktls CONNECTIONS CMD...: CMD makes that many, all handed to the kernel.
by_ktls() {
    local connections=$1 before
    shift
    before=$(tls_stat TlsTxSw)
    "$@"
    is_eq $(($(tls_stat TlsTxSw) - before)) "$connections" "kTLS: $*"
}

all_released() {
    [ "$(tls_stat TlsCurrTxSw)" -eq 0 ]
}

capture_start wire
start_nginx
by_ktls 1 download_all 1.2 "${first[1.2]}" "https://$SRV4:$NGINX_PORT"
by_ktls 0 download_all 1.3 "${first[1.3]}" "https://$SRV4:$NGINX_PORT"
is_eq "$(debug_lines nginx 'tls cannot change keys')" 1 "the reason"
stop nginx
say "ulp = auto: TLS 1.2 by tls, TLS 1.3 by libssl"

with_provider+=("OPENSSL_CONF=$work/tls.cnf")
connections=$(tls_stat TlsTxSw)
start_nginx
for cipher in "${ciphers_12[@]}"; do
    by_ktls 1 download_all 1.2 "$cipher" "https://$SRV4:$NGINX_PORT"
done
for cipher in "${ciphers_13[@]}"; do
    by_ktls 1 download_all 1.3 "$cipher" "https://$SRV4:$NGINX_PORT"
done
say "nginx: curl, 2 versions, 3 ciphers, ${#FILES[@]} files: equal"

for version in 1.2 1.3; do
    by_ktls 1 download_all $version "${first[$version]}" \
        "https://$SRV4:$NGINX_PORT/proxied"
    by_ktls 1 gnutls_download $version AES-128-GCM $NGINX_PORT 16384
    by_ktls 1 gnutls_download $version AES-256-GCM $NGINX_PORT 16385
done
say "nginx: proxied; gnutls-cli, close_notify seen"

# nginx sends files by sendfile() here, which it does only over kTLS.
trace=/sys/kernel/tracing
echo 1 >$trace/events/syscalls/sys_enter_sendfile64/enable
by_ktls 1 curl_tls 1.3 TLS_AES_128_GCM_SHA256 -o "$work/got" \
    "https://$SRV4:$NGINX_PORT/$BIG"
echo 0 >$trace/events/syscalls/sys_enter_sendfile64/enable
cmp "$work/got" "$work/html/$BIG"
is_gt "$(count '^ *nginx-' $trace/trace)" 0 "sendfile() calls of nginx"
wait_for all_released
is_eq "$(debug_lines nginx 'offloaded by tls')" \
    $(($(tls_stat TlsTxSw) - connections)) \
    "connections in the debug output"
! grep -E '\[(alert|crit|error)\]' "$work/error.log" ||
    fail "nginx has logged an error"
stop nginx

for mode in -sendfile ''; do
    # shellcheck disable=SC2086
    start_s_server $mode
    for version in 1.2 1.3; do
        by_ktls 1 curl_tls $version "${first[$version]}" \
            -o "$work/got" "https://$SRV4:$S_SERVER_PORT/1048576"
        cmp "$work/got" "$work/html/1048576"
    done
    is_eq "$(count 'KTLS SENDFILE .* OK' "$work/s_server.log")" \
        "$([ -z "$mode" ] && echo 0 || echo 2)" "files by SSL_sendfile()"
    stop s_server
done
say "s_server: -WWW with and without -sendfile: equal"

# The provider on the client's side: it sends, s_server without it receives.
make_payload $((32 * 65536)) "$work/html/lines"
for version in 2 3; do
    # An s_server whose input ends is an s_server that ends.
    background sink srv env LINETLS_DEBUG=0 bash -c "exec openssl s_server \
        -quiet -naccept 1 -accept $S_SERVER_PORT \
        -cert '$work/cert.pem' -key '$work/key.pem' <&$lib_never"
    wait_for listening $S_SERVER_PORT
    cli "${with_provider[@]}" openssl s_client -quiet -no_ign_eof \
        -tls1_$version -connect "$SRV4:$S_SERVER_PORT" \
        -CAfile "$work/cert.pem" <"$work/html/lines" \
        2>"$work/s_client.log" || fail "s_client: $(cat "$work/s_client.log")"
    finish sink || fail "s_server: $(tail -n 3 "$work/sink.log")"
    is_eq "$(debug_lines s_client 'offloaded by tls')" 1 "s_client offloaded"
    grep "^$MARKER" "$work/sink.log" | cmp - "$work/html/lines"
done
say "s_client: sends: equal"

capture_stop wire
is_eq "$(capture_search wire "$MARKER")" 0 "plaintext on the wire"
is_eq "$(tls_stat TlsTxDevice)" 0 "connections on a device"
