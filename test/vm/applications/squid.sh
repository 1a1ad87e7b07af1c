# shellcheck shell=bash disable=SC2034,SC2086,SC2154
# SPDX-License-Identifier: GPL-2.0
label=Squid

version() {
    in_root squid -v | grep -Eo '[0-9]+\.[0-9]+' | head -n 1
}

start() {
    cat >"$work/squid.conf" <<END
https_port $SRV4:$PORT accel defaultsite=localhost \
    tls-cert=$work/cert.pem tls-key=$work/key.pem
cache_peer 127.0.0.1 parent 8080 0 no-query originserver
http_access allow all
cache deny all
cache_effective_user proxy
pid_filename $work/squid.pid
access_log none
cache_log $work/squid.log
coredump_dir $work
max_filedescriptors 256
shutdown_lifetime 1 seconds
visible_hostname localhost
END
    rm -f /dev/shm/squid-*
    app server squid -N -d 1 -f "$work/squid.conf"
    wait_for -t 60 listening $PORT
}

use() {
    use_https "$1" -H 'Cache-Control: no-store'
}
