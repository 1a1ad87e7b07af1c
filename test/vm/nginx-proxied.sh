#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# timeout: 600
# long: 6.12
#
# Unmodified nginx sends what it has in memory, as a proxy does, and the
# device encrypts.
# shellcheck source-path=SCRIPTDIR
. "${LINETLS_SRC:?}/test/vm/lib-ulp.sh"
. "$LINETLS_SRC/test/vm/lib-provider.sh"
. "$LINETLS_SRC/test/vm/lib-matrix.sh"

need nginx curl wget tcpdump openssl ethtool
matrix_begin
start_nginx

small() {
    cell curl 1 $NGINX_PORT /proxied 16385
}

downloads() {
    cell curl 1 $NGINX_PORT /proxied "${FILES[@]}"
    cell wget 1 $NGINX_PORT /proxied 1 16383 16384 16385
}

control small
both_wires downloads
! grep -E '\[(alert|crit|error)\]' "$work/error.log" ||
    fail "nginx has logged an error"
stop nginx
matrix_end
