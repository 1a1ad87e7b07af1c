#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A key or value of the provider's section that is not known keeps the
# provider from loading, and the message names both. The program goes on.
# shellcheck source-path=SCRIPTDIR disable=SC2119
#
# kernels: 6.1
. "${LINETLS_SRC:?}/test/vm/lib.sh"
. "$LINETLS_SRC/test/vm/lib-provider.sh"

need openssl nginx curl
example=$LINETLS_SRC/examples/openssl.cnf

# providers OPENSSL_CONF: what loads, and all messages, into $work/list.
providers() {
    env OPENSSL_CONF="$1" OPENSSL_MODULES="$LINETLS_PROVIDER_DIR" \
        openssl list -providers -verbose >"$work/list" 2>&1 ||
        fail "openssl list: $(cat "$work/list")"
    grep -q 'OpenSSL Default Provider' "$work/list" ||
        fail "the default provider is gone: $(cat "$work/list")"
}

# refuses LINE: as last line of the section.
refuses() {
    { cat "$example"; echo "$1"; } >"$work/bad.cnf"
    providers "$work/bad.cnf"
    ! grep -q 'name: linetls' "$work/list" || fail "loaded with: $1"
    grep -qF "\"$1\"" "$work/list" ||
        fail "no message names \"$1\": $(cat "$work/list")"
}

providers "$example"
grep -q 'name: linetls' "$work/list" || fail "not loaded: $(cat "$work/list")"
is_eq "$(count 'linetls\[' "$work/list")" 0 "messages of a good file"

refuses 'offlaod = require'
refuses 'Offload = require'
refuses 'offload = fast'
refuses 'ulp = ktls'
refuses 'debug = -1'
refuses 'debug = yes'
refuses 'device = eth0'

# An application goes on, in userspace TLS.
topology plain
make_site
start_nginx "$work/bad.cnf"
download_all 1.3 TLS_AES_128_GCM_SHA256 "https://$SRV4:$NGINX_PORT"
is_eq "$(count '"device = eth0"' "$work/nginx.log")" 1 "messages of nginx"
stop nginx
