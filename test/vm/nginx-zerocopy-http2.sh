#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# needs: long
# build: patches/nginx/build
#
# HTTP/2: many files at a time over one connection, frame by frame in turn,
# each announced whenever it is its turn; the log's $ssl_zerocopy adds up to
# what was sent. "http2_sendfile off" sends them without sendfile(), over
# HTTP/2 only.
# shellcheck source-path=SCRIPTDIR disable=SC2119
. "${LINETLS_SRC:?}/test/vm/lib-ulp.sh"
. "$LINETLS_SRC/test/vm/lib-provider.sh"
. "$LINETLS_SRC/test/vm/lib-zerocopy.sh"

need curl openssl
zc_begin
total=0
for n in 1 2 3 4; do
    zc_file $n $((n * 150000)) $((n * 32000))
    total=$((total + n * 150000))
done
mkdir "$work/html/off"
cp "$work"/html/[1-4] "$work/html/off"
zc_conf site <<'END'
    server {
        listen 8443 ssl http2;
        location /off/ { http2_sendfile off; }
    }
END
zc_start site

# parallel PATH: all at a time; $zerocopy is the sum of the log
parallel() {
    local n line
    get --http2 --parallel --parallel-max 4 -o "$work/got/#1" \
        "$site$1[1-4]"
    for n in 1 2 3 4; do
        same $n
    done
    next_log 4
    zerocopy=0
    for line in "${log_line[@]}"; do
        is_eq "$(field 4 "$line")" device "$1: \$ssl_offload"
        zerocopy=$((zerocopy + $(field 5 "$line")))
    done
}

echo 1 >$trace/events/syscalls/sys_enter_sendfile64/enable
before=$(ulp_stat LinetlsTxDevice)
parallel /
is_eq $(($(ulp_stat LinetlsTxDevice) - before)) 1 "connections"
is_eq $zerocopy $total "\$ssl_zerocopy of all"
is_gt "$(count 'sys_sendfile64' $trace/trace)" $((total / 8192)) "sendfile()"

echo >$trace/trace
parallel /off/
is_eq $zerocopy 0 "http2_sendfile off: \$ssl_zerocopy of all"
is_eq "$(count 'sys_sendfile64' $trace/trace)" 0 \
    "http2_sendfile off: sendfile()"
get --http1.1 -o "$work/got/4" "$site/off/4"
same 4
sent_zerocopy 200 600000 "http2_sendfile off, HTTP/1.1"
is_gt "$(count 'sys_sendfile64' $trace/trace)" 0 "sendfile() of HTTP/1.1"
zc_stop
wait_idle
no_drops
