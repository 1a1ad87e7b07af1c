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
. "$LINETLS_SRC/test/vm/lib-haproxy.sh"

need haproxy nginx curl gnutls-cli tcpdump openssl nc
PORT=4434
haproxy_begin
capture_start wire
start_haproxy "LD_PRELOAD=$LINETLS_PROVIDER_DIR/liblinetls-fd.so" haproxy
downloads 1 "$url"
haproxy_waits
is_eq "$(debug_lines haproxy 'offloaded by linetls.* path 1')" 7 \
    "connections on the device"
haproxy_pauses
stop haproxy
say "$SECONDS s: HAProxy with the library: equal, on the device"

start_haproxy haproxy
downloads 0 "$url"
is_eq "$(debug_lines haproxy 'offloaded by')" 0 "offloaded without the library"
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
    cli timeout $PATIENCE "$tools/key_update" connect "$SRV4" $PORT \
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
