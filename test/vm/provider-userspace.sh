#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Where the kernel has neither linetls nor tls, connections are what they are
# without the provider: except under offload = require, where they fail.
# shellcheck source-path=SCRIPTDIR disable=SC2119
#
# kernels: 6.1
. "${LINETLS_SRC:?}/test/vm/lib.sh"
. "$LINETLS_SRC/test/vm/lib-provider.sh"

need nginx curl gnutls-cli openssl
topology plain
make_site

# Nobody loads a module by need from here on.
echo /bin/false >/proc/sys/kernel/modprobe
for module in tls linetls; do
    [ ! -d /sys/module/$module ] || fail "$module is loaded"
done

start_nginx
download_all 1.2 ECDHE-ECDSA-AES128-GCM-SHA256 "https://$SRV4:$NGINX_PORT"
download_all 1.3 TLS_AES_256_GCM_SHA384 "https://$SRV4:$NGINX_PORT/proxied"
gnutls_download 1.3 AES-128-GCM $NGINX_PORT 16385
is_eq "$(debug_lines nginx 'userspace TLS: no ULP')" 3 \
    "connections with their reason"
is_eq "$(debug_lines nginx 'offloaded by')" 0 "offloaded connections"
! grep -E '\[(alert|crit|error)\]' "$work/error.log" ||
    fail "nginx has logged an error"
stop nginx

start_s_server -sendfile
curl_tls 1.3 TLS_AES_128_GCM_SHA256 -o "$work/got" \
    "https://$SRV4:$S_SERVER_PORT/1048576"
cmp "$work/got" "$work/html/1048576"
stop s_server

sed 's/^offload = .*/offload = off/' "$LINETLS_SRC/examples/openssl.cnf" \
    >"$work/off.cnf"
start_nginx "$work/off.cnf"
download_all 1.3 TLS_AES_128_GCM_SHA256 "https://$SRV4:$NGINX_PORT"
is_eq "$(debug_lines nginx .)" 0 "debug output under offload = off"
stop nginx

sed 's/^offload = .*/offload = require/' "$LINETLS_SRC/examples/openssl.cnf" \
    >"$work/require.cnf"
start_nginx "$work/require.cnf"
for version in 1.2 1.3; do
    must_fail curl_tls $version "$([ $version = 1.3 ] &&
        echo TLS_AES_128_GCM_SHA256 || echo ECDHE-ECDSA-AES128-GCM-SHA256)" \
        -o "$work/got" "https://$SRV4:$NGINX_PORT/16385"
done
is_gt "$(count 'offload = require' "$work/error.log")" 0 \
    "errors that say why, in nginx's log"
stop nginx
