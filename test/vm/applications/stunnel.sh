# shellcheck shell=bash disable=SC2034,SC2086,SC2154
# SPDX-License-Identifier: GPL-2.0
label=stunnel

version() {
    in_root stunnel4 -version 2>&1 | grep -Eo '[0-9]+\.[0-9]+' | head -n 1
}

start() {
    cat >"$work/stunnel.conf" <<END
foreground = yes
pid =
syslog = no
[https]
accept = $SRV4:$PORT
connect = 127.0.0.1:8080
cert = $work/both.pem
END
    app server stunnel4 "$work/stunnel.conf"
    wait_for listening $PORT
}

use() {
    use_https "$1"
}
