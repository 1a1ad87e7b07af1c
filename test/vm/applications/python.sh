# shellcheck shell=bash disable=SC2034,SC2086,SC2154
# SPDX-License-Identifier: GPL-2.0
#
# Its module ssl on sockets, as server and as client, and asyncio, which has
# memory BIOs.
label="Python ${variant:-server}"

version() {
    in_root python3 --version | grep -Eo '[0-9]+\.[0-9]+' | head -n 1
}

start() {
    :
}

use() {
    local role=accept
    [ "$variant" != asyncio ] || role=asyncio
    rm -f "$work/taken"
    if [ "$variant" = client ]; then
        peer server python3 "$here/exchange.py" accept $CLI4 $PORT any \
            "$work/both.pem" "$work/html/$SIZE" "$work/taken" $SIZE
        wait_for log_has server listening
        rm -f "$work/got"
        srv chroot "$root" python3 "$here/exchange.py" connect \
            $CLI4 $PORT "$1" "$work/cert.pem" "$work/up" "$work/got" \
            >"$work/codes" 2>"$work/errors" || fail "$name: $(<"$work/errors")"
        seen "TLS $1 $(<"$work/codes")"
        downloaded "$work/got"
    else
        app server python3 "$here/exchange.py" $role $SRV4 $PORT any \
            "$work/both.pem" "$work/html/$SIZE" "$work/taken" $SIZE
        wait_for log_has server listening
        use_raw "$1"
    fi
    served_once
}
