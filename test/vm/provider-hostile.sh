#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A client that breaks every rule, at every point of the protocol, gets the same
# from nginx and s_server whether the provider is on or off: bytes, alerts, and
# the way the connection ends. OpenSSL 3.0, and nginx of Debian 13 on 3.5.
# shellcheck source-path=SCRIPTDIR disable=SC2034,SC2086,SC2119
#
# needs: long
# kernels: 6.1
# root: trixie
# timeout: 1800
. "${LINETLS_SRC:?}/test/vm/lib-ulp.sh"
. "$LINETLS_SRC/test/vm/lib-provider.sh"
. "$LINETLS_SRC/test/vm/lib-root.sh"

need nginx openssl tcpdump
PORT=8443
off=(env OPENSSL_CONF=/dev/null)
on=(env "OPENSSL_CONF=$LINETLS_SRC/examples/openssl.cnf"
    "OPENSSL_MODULES=$LINETLS_PROVIDER_DIR")

# serve MODE CMD...: in srv, and in $chroot
serve() {
    local -n env=$1
    shift
    background server srv "${env[@]}" "${chroot[@]}" "$@"
    wait_for listening $PORT
}

serve_nginx() {
    serve "$1" nginx -c "$work/hostile.conf" -g 'daemon off;'
}

serve_s_server() {
    serve "$1" "$LINETLS_SRC/examples/s_server" "$work/html" \
        "$work/cert.pem" "$work/key.pem" -accept $PORT
}

# try_all MODE TLS REQUEST BODY: lines go to $work/seen.MODE
try_all() {
    cli timeout 600 "$tools/hostile_peer" $SRV4 $PORT "$2" "$work/cert.pem" \
        "$3" "$4" >"$work/lines" 2>&1 ||
        fail "$server $1 TLS $2: $(tail -n 2 "$work/lines")"
    sed "s/^/TLS $2 /" "$work/lines" >>"$work/seen.$1"
    ! grep HANGS "$work/lines" || fail "$server $1 TLS $2 hangs"
}

# compare SERVER REQUEST BODY [REQUEST BODY]...: off and on
compare() {
    local server=$1 mode tls before i
    shift
    for mode in off on; do
        : >"$work/seen.$mode"
        before=$(ulp_stat LinetlsTxDevice)
        "serve_${server%% *}" $mode
        for tls in 1.2 1.3; do
            for ((i = 1; i < $#; i += 2)); do
                try_all $mode $tls "${@:i:2}"
            done
        done
        stop server
    done
    diff "$work/seen.off" "$work/seen.on" >"$work/diff" ||
        fail "$server: without and with the provider: $(<"$work/diff")"
    # All whose handshake came to its end.
    is_eq $(($(ulp_stat LinetlsTxDevice) - before)) \
        "$(grep -Evc ' (connected|handshake) ' "$work/seen.on")" \
        "$server: connections on the device"
    say "$SECONDS s: $server: $(wc -l <"$work/seen.on") ways: equal"
}

ulp_begin
make_site
SIZE=262144
make_payload $SIZE "$work/html/$SIZE"
: >"$work/none"
mkdir "$work/put"
: >"$work/put/up"
printf 'GET /%s HTTP/1.1\r\nHost: x\r\n\r\n' $SIZE >"$work/get"
{
    printf 'PUT /put/up HTTP/1.1\r\nHost: x\r\nContent-Length: 65536\r\n\r\n'
    head -c 65536 "$work/html/$SIZE"
} >"$work/upload"
upload_conf hostile "$PORT" ssl
chmod -R a+rwX "$work"
# An answer must not fit into the server's buffers.
srv sysctl -qw net.ipv4.tcp_wmem='4096 16384 65536'
capture_start wire

chroot=()
compare "nginx on OpenSSL 3.0" "$work/get" "$work/html/$SIZE" \
    "$work/upload" "$work/none"
compare "s_server" "$work/get" "$work/html/$SIZE"
enter_root trixie
chroot=(chroot "$root")
compare "nginx on OpenSSL 3.5" "$work/get" "$work/html/$SIZE" \
    "$work/upload" "$work/none"

capture_stop wire
is_eq "$(capture_search wire "$MARKER")" 0 "plaintext"
no_drops
wait_idle
unload
