# shellcheck shell=bash disable=SC2034,SC2086,SC2154
# SPDX-License-Identifier: GPL-2.0
label=nginx

version() {
    in_root nginx -v 2>&1 | grep -Eo '[0-9]+\.[0-9]+' | head -n 1
}

start() {
    upload_conf server "$PORT" ssl
    app server nginx -c "$work/server.conf" -g 'daemon off;'
    wait_for listening $PORT
}

use() {
    use_https "$1"
}
