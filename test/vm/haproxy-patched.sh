#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# HAProxy with the patches of patches/haproxy, and nothing preloaded: the device
# encrypts what it sends, over connections that are kept and to clients that are
# slow, and each ends with an alert.
#
# needs: long
# kernels: 6.1
# build: patches/haproxy/build 2.6.12
# build: patches/haproxy/build 3.0.11
# shellcheck source-path=SCRIPTDIR
. "${LINETLS_SRC:?}/test/vm/lib-ulp.sh"
. "$LINETLS_SRC/test/vm/lib-provider.sh"
. "$LINETLS_SRC/test/vm/lib-haproxy.sh"

need nginx curl gnutls-cli tcpdump openssl nc
cd "$LINETLS_SRC/patches/haproxy"
versions=${LINETLS_HAPROXY_VERSION:-[0-9]*}
haproxy_begin
capture_start wire
for version in $versions; do
    program=$LINETLS_SRC/build/patches/haproxy-$version/haproxy
    [ -x "$program" ] || skip "patches/haproxy/build has not built $version"
    start_haproxy "$program"
    downloads 1 "$url"
    haproxy_waits
    is_eq "$(debug_lines haproxy 'offloaded by linetls.* path 1')" 7 \
        "connections on the device"
    haproxy_pauses
    stop haproxy
    say "$SECONDS s: HAProxy $version: equal, on the device"
done
capture_stop wire
is_eq "$(capture_search wire "$MARKER" "HTTP/1.1 200")" 0 "plaintext"
no_drops
wait_idle
