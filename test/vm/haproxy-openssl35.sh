#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# HAProxy 3.0 of Debian 13, with its OpenSSL 3.5: with the preloaded library,
# and built with our patches, the device encrypts what it sends. Without either
# nothing is changed.
#
# needs: long
# kernels: 6.12
# root: trixie
# build: patches/haproxy/build 3.0.11
# shellcheck source-path=SCRIPTDIR
. "${LINETLS_SRC:?}/test/vm/lib-ulp.sh"
. "$LINETLS_SRC/test/vm/lib-provider.sh"
. "$LINETLS_SRC/test/vm/lib-root.sh"
. "$LINETLS_SRC/test/vm/lib-haproxy.sh"

need nginx curl gnutls-cli tcpdump openssl nc
program=$LINETLS_SRC/build/patches/haproxy-3.0.11/haproxy
[ -x "$program" ] || skip "patches/haproxy/build has not built 3.0.11"
enter_root trixie
cp "$program" "$root/usr/sbin/haproxy-patched"
is_eq "$(in_root haproxy -vv | sed -n 's/^Running on OpenSSL version : //p' |
    cut -d. -f1-2)" "OpenSSL 3.5" "its OpenSSL"
haproxy_begin
capture_start wire

# all WHAT CMD...
all() {
    local what=$1
    shift
    start_haproxy "$@"
    haproxy_downloads 1
    haproxy_waits
    haproxy_pauses
    is_eq "$(debug_lines haproxy 'offloaded by linetls.* path 1')" 8 \
        "connections on the device"
    stop haproxy
    say "$SECONDS s: HAProxy 3.0, $what: equal, on the device"
}
all preloaded chroot "$root" env \
    "LD_PRELOAD=$LINETLS_PROVIDER_DIR/liblinetls-fd.so" haproxy
all patched chroot "$root" haproxy-patched

start_haproxy chroot "$root" haproxy
haproxy_downloads 0
is_eq "$(debug_lines haproxy 'offloaded by')" 0 "offloaded without either"
stop haproxy
say "$SECONDS s: HAProxy 3.0, neither: equal, untouched"

capture_stop wire
is_eq "$(capture_search wire "$MARKER" "HTTP/1.1 200")" 0 "plaintext"
no_drops
wait_idle
