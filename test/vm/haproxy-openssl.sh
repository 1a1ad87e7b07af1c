#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# HAProxy of later Debian releases, with their OpenSSL: with the preloaded
# library, and 3.0 built with our patches, the device encrypts what it sends.
# Without either nothing is changed.
#
# needs: long
# kernels: 6.12
# timeout: 900
# root: trixie forky
# build: patches/haproxy/build 3.0.11
# shellcheck source-path=SCRIPTDIR
. "${LINETLS_SRC:?}/test/vm/lib-ulp.sh"
. "$LINETLS_SRC/test/vm/lib-provider.sh"
. "$LINETLS_SRC/test/vm/lib-root.sh"
. "$LINETLS_SRC/test/vm/lib-haproxy.sh"

need nginx curl gnutls-cli tcpdump openssl nc
program=$LINETLS_SRC/build/patches/haproxy-3.0.11/haproxy
[ -x "$program" ] || skip "patches/haproxy/build has not built 3.0.11"
haproxy_begin
capture_start wire

# on_device WHAT CMD...
on_device() {
    local what=$1
    shift
    start_haproxy "$@"
    downloads 1 "$url"
    haproxy_waits
    haproxy_pauses
    is_eq "$(debug_lines haproxy 'offloaded by linetls.* path 1')" 8 \
        "connections on the device"
    stop haproxy
    say "$SECONDS s: $what: equal, on the device"
}

# haproxy_of RELEASE: preloaded, and without
haproxy_of() {
    enter_root "$1"
    say "$1: $(in_root haproxy -vv | grep -E '^(HAProxy version|Running on O)')"
    on_device "$1, preloaded" chroot "$root" env \
        "LD_PRELOAD=$LINETLS_PROVIDER_DIR/liblinetls-fd.so" haproxy
    start_haproxy chroot "$root" haproxy
    downloads 0 "$url"
    is_eq "$(debug_lines haproxy 'offloaded by')" 0 "offloaded without it"
    stop haproxy
    say "$SECONDS s: $1, not preloaded: equal, untouched"
}

haproxy_of forky
haproxy_of trixie
cp "$program" "$root/usr/sbin/haproxy-patched"
on_device "trixie, patched" chroot "$root" haproxy-patched

capture_stop wire
is_eq "$(capture_search wire "$MARKER" "HTTP/1.1 200")" 0 "plaintext"
no_drops
wait_idle
