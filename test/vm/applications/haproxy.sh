# shellcheck shell=bash disable=SC2034,SC2086,SC2154
# SPDX-License-Identifier: GPL-2.0
label=HAProxy
[ -z "$variant" ] || label="HAProxy with liblinetls-fd.so"

version() {
    in_root haproxy -v | grep -Eo '[0-9]+\.[0-9]+' | head -n 1
}

start() {
    local preload=()
    [ -z "$variant" ] ||
        preload=("LD_PRELOAD=$LINETLS_PROVIDER_DIR/liblinetls-fd.so")
    cp "$work/both.pem" "$work/haproxy.pem"
    cp "$LINETLS_SRC/examples/haproxy.cfg" "$work"
    app server env "${preload[@]}" haproxy -db -C "$work" -f haproxy.cfg
    wait_for listening $PORT
}

use() {
    use_https "$1"
}
