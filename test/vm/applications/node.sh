# shellcheck shell=bash disable=SC2034,SC2086,SC2154
# SPDX-License-Identifier: GPL-2.0
label=Node.js

version() {
    in_root node --version | grep -Eo '[0-9]+' | head -n 1
}

start() {
    :
}

use() {
    rm -f "$work/taken"
    app server node "$here/serve.js" $SRV4 $PORT "$work/both.pem" \
        "$work/html/$SIZE" "$work/taken" $SIZE
    wait_for -t 60 log_has server listening
    use_raw "$1"
    served_once
}
