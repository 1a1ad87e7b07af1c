#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# needs: long
# build: patches/nginx/build
#
# Patched nginx sends files without a copy, different ones in turn over one
# connection, and says so in its log. Each response announces its file once,
# also where a descriptor's number stood for another file before, and where
# the file was replaced or rewritten since the last response.
# shellcheck source-path=SCRIPTDIR disable=SC2119
. "${LINETLS_SRC:?}/test/vm/lib-ulp.sh"
. "$LINETLS_SRC/test/vm/lib-provider.sh"
. "$LINETLS_SRC/test/vm/lib-zerocopy.sh"

need curl openssl tcpdump
zc_begin
zc_file a 1000
zc_file b 16384 32000
zc_file c 100000 64000
zc_file d 3000000 96000

size_of() {
    stat -c %s "$work/html/$1"
}

zc_conf plain <<'END'
    server {
        listen 8443 ssl;
    }
END
zc_conf cached <<'END'
    open_file_cache max=10 inactive=60s;
    open_file_cache_valid 1s;
    open_file_cache_min_uses 1;
    server {
        listen 8443 ssl;
    }
END

# in_turn VERSION FILE...: over one connection
in_turn() {
    local version=$1 file n=0 args=()
    shift
    for file; do
        n=$((n + 1))
        args+=(-o "$work/got/$n" "$site/$file")
    done
    announced_begin
    get --tlsv"$version" --tls-max "$version" -w '%{num_connects}\n' \
        "${args[@]}" >"$work/connects"
    next_log $#
    announced_end $# "$*"
    is_eq "$(sort -n "$work/connects" | uniq -c | tr -s ' \n' ' ')" \
        " $(($# - 1)) 0 1 1 " "connections of $*"
    n=0
    for file; do
        n=$((n + 1))
        same $n "$file"
        is_eq "${log_line[n - 1]##* device }" "$(size_of "$file")" \
            "TLS $version, $* ($n): \$ssl_zerocopy"
    done
}

zero_copied() {
    get -o "$work/got/$1" "$site/$1"
    same "$1"
    next_log 1
    [ "$(field 5 "${log_line[0]}")" = "$(size_of "$1")" ]
}

capture_start wire
zc_start plain
in_turn 1.2 a b a c d c
in_turn 1.3 d a c b a d
# A writer ends it, and after a while the file is announced with success again.
zc_file a 1000 128000
wait_for zero_copied a
zc_stop
log_seen=0

zc_start cached
in_turn 1.3 a b a c b
# Another file of that name; the cache will have it under a new descriptor.
cp "$work/html/c" "$work/html/new"
sed -i 's/0/1/g' "$work/html/new"
mv "$work/html/new" "$work/html/c"
settle
replaced() {
    get -o "$work/got/c" "$site/c"
    next_log 1
    cmp "$work/got/c" "$work/html/c"
}
wait_for replaced
wait_for zero_copied c
in_turn 1.2 c b a c
zc_stop
capture_stop wire
is_eq "$(capture_search wire $MARKER "HTTP/1.1 200 OK")" 0 "plaintext on the wire"
wait_idle
no_drops
