#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# needs: long
# build: patches/nginx/build
#
# Slow clients of patched nginx, which is reloaded meanwhile: the old worker
# goes on with them without a copy, the new one serves the same files beside it,
# and when both have nothing to send no guard is left.
# shellcheck source-path=SCRIPTDIR disable=SC2119
. "${LINETLS_SRC:?}/test/vm/lib-guard.sh"
. "$LINETLS_SRC/test/vm/lib-provider.sh"
. "$LINETLS_SRC/test/vm/lib-zerocopy.sh"

need curl openssl
zc_begin
echo 1 >/sys/module/linetls/parameters/guard_idle
zc_file b 700000 32000
zc_file c 900000 64000
zc_conf site <<'END'
    server {
        listen 8443 ssl;
        location /c { sendfile_max_chunk 50000; }
    }
END

# Little is in flight: nginx waits for these clients, not the kernel alone.
srv sysctl -qw net.ipv4.tcp_wmem='4096 65536 65536'
far_netem delay 2ms rate 1mbit
zc_start site

clients=(b1 b2 c1 c2)

# slow NAME [OPTIONS]: a download of b or c, in the background
slow() {
    local name=$1
    shift
    background "$name" cli curl -sS --max-time 300 "$@" \
        --cacert "$work/cert.pem" -o "$work/got/$name" "$site/${name%[12]}"
}

all_begun() {
    local name
    for name in "${clients[@]}"; do
        [ "$(stat -c %s "$work/got/$name")" -gt 20000 ] || return
    done
}

workers() {
    pgrep -P "$(pid_of nginx)"
}

two_workers() {
    [ "$(workers | wc -l)" -eq 2 ]
}

gone() {
    [ ! -e "/proc/$1" ]
}

slow b1 --tls-max 1.2
slow b2
slow c1 --tls-max 1.2
slow c2
wait_for -t 60 all_begun
old=$(workers)
kill -HUP "$(pid_of nginx)"
wait_for two_workers
get -r 0-49999 -o "$work/got/part" "$site/c"
head -c 50000 "$work/html/c" | cmp - "$work/got/part"
for name in "${clients[@]}"; do
    running "$name" || fail "the client $name was not slow"
done
must_fail gone "$old"
is_eq "$(ulp_stat LinetlsGuards)" 2 "guards"

far_netem delay 2ms rate 50mbit
for name in "${clients[@]}"; do
    finish "$name" || fail "curl: $(<"$work/$name.log")"
    same "$name" "${name%[12]}"
done
next_log 5
is_eq "$(awk '{ n += $5 } END { print n }' "$work/access.log")" 3250000 \
    "\$ssl_zerocopy of all"
is_eq "$(ulp_stat LinetlsZerocopyBytes)" 3250000 "bytes without a copy"
is_eq "$(ulp_stat LinetlsCopiedBytes)" 0 "bytes copied"
wait_for gone "$old"
zc_stop
wait_idle
wait_for no_guards
no_drops
