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

# try_all MODE TLS REQUEST BODY [POINT ACTION]: lines go to $work/seen.MODE
try_all() {
    local mode=$1 tls=$2
    shift 2
    cli timeout 600 "$tools/hostile_peer" $SRV4 $PORT "$tls" \
        "$work/cert.pem" "$@" >"$work/lines" 2>&1 ||
        fail "$server $mode TLS $tls: $(tail -n 2 "$work/lines")"
    sed "s/^/TLS $tls /" "$work/lines" >>"$work/seen.$mode"
    ! grep HANGS "$work/lines" || fail "$server $mode TLS $tls hangs"
}

# Which of two packets comes first decides some of them: what differs is tried
# again. Whatever is seen with the provider must be seen without it.
AGAIN=10

# again MODE "TLS POINT ACTION"... for $requests
again() {
    local mode=$1 way tls point action i n
    shift
    "serve_${server%% *}" "$mode"
    for way; do
        read -r tls point action <<<"$way"
        for ((n = 0; n < AGAIN; n++)); do
            for ((i = 0; i < ${#requests[@]}; i += 2)); do
                try_all "$mode" "$tls" "${requests[@]:i:2}" "$point" "$action"
            done
        done
    done
    stop server
}

# compare SERVER REQUEST BODY [REQUEST BODY]...: off and on
compare() {
    local server=$1 requests=("${@:2}") mode tls before ways i differ
    for mode in off on; do
        : >"$work/seen.$mode"
        before=$(ulp_stat LinetlsTxDevice)
        "serve_${server%% *}" $mode
        for tls in 1.2 1.3; do
            for ((i = 0; i < ${#requests[@]}; i += 2)); do
                try_all $mode $tls "${requests[@]:i:2}"
            done
        done
        stop server
    done
    ways=$(wc -l <"$work/seen.on")
    # A server of TLS 1.3 has its keys as soon as it has answered.
    is_eq $(($(ulp_stat LinetlsTxDevice) - before)) \
        "$(grep -Evc '^TLS (1.. connected|1.2 handshake) ' "$work/seen.on")" \
        "$server: connections on the device"
    mapfile -t differ < <({ diff "$work/seen.off" "$work/seen.on" || :; } |
        sed -n 's/^[<>] TLS \([0-9.]* [a-z]* [a-z-]*\): .*/\1/p' | sort -u)
    if [ ${#differ[@]} -gt 0 ]; then
        is_le ${#differ[@]} 10 "$server: differences: ${differ[*]}"
        again off "${differ[@]}"
        again on "${differ[@]}"
    fi
    sort -u "$work/seen.off" >"$work/all.off"
    sort -u "$work/seen.on" | comm -13 "$work/all.off" - >"$work/diff"
    [ ! -s "$work/diff" ] ||
        fail "$server: with the provider only: $(<"$work/diff")"
    say "$SECONDS s: $server: $ways ways: equal, ${#differ[@]} tried again"
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
