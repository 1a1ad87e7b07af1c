#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# needs: long
# build: patches/nginx/build
#
# Patched nginx fills TLS records: the response header, and what else precedes
# a file, shares the first one with it, and parts of a file end where a record
# does. So with each way that a file is sent in: the bytes are right, they go
# without a copy where nginx uses sendfile(), and what ends a file or a response
# are the only records that are not full.
# shellcheck source-path=SCRIPTDIR disable=SC2119
. "${LINETLS_SRC:?}/test/vm/lib-ulp.sh"
. "$LINETLS_SRC/test/vm/lib-provider.sh"
. "$LINETLS_SRC/test/vm/lib-zerocopy.sh"

need openssl
zc_begin
zc_file a 1000
zc_file b 20000 32000
zc_file c 100000 64000
zc_file d 200000 128000
printf 'head <!--#include virtual="/c" --> tail' >"$work/html/page"
zc_conf site <<END
    server {
        listen 8443 ssl;
        location /chunks/ { alias $work/html/; sendfile_max_chunk 40000; }
        location /rate/ { alias $work/html/; limit_rate 64k; }
        location /both/ {
            alias $work/html/;
            limit_rate 64k;
            sendfile_max_chunk 20000;
        }
        location /threads/ { alias $work/html/; aio threads; }
        location /direct/ { alias $work/html/; directio 4k; }
        location /added/ {
            alias $work/html/;
            addition_types *;
            add_before_body /a;
            add_after_body /b;
        }
        location = /page { ssi on; ssi_types *; }
    }
END
zc_send_buffer
zc_start site

# body FILE...: what the next responses have
body() {
    (cd "$work/html" && cat "$@") >"$work/body"
}

# response PATH SHORT ZEROCOPY [HEADER]: SHORT of its records are not full, and
# ZEROCOPY bytes were not copied.
response() {
    local path=$1 short=$2 zerocopy=$3 header=${4:-}
    record_sizes "$path" "$header" >"$work/sizes"
    [[ $header != *,* ]] || parts "$(sed -n 's/.*boundary=\([0-9]*\).*/\1/p' \
        "$work/got/response")" >"$work/body"
    sed '1,/^\r$/d' "$work/got/response" | cmp - "$work/body" ||
        fail "$path $header: not what was served"
    sent_zerocopy "$([ -z "$header" ] && echo 200 || echo 206)" "$zerocopy" \
        "$path $header"
    is_eq "$(awk '{ n += $1 } END { print n }' "$work/sizes")" \
        "$(stat -c %s "$work/got/response")" "$path $header: bytes in records"
    [ "$short" = any ] ||
        is_eq "$(grep -cvx 16384 "$work/sizes")" "$short" \
            "$path $header: short ones of $(tr '\n' ' ' <"$work/sizes")"
}

# part BOUNDARY FIRST LAST: of c, as a response with many has it
part() {
    printf '\r\n--%s\r\nContent-Type: text/plain\r\n' "$1"
    printf 'Content-Range: bytes %s-%s/100000\r\n\r\n' "$2" "$3"
    head -c $(($3 + 1)) "$work/html/c" | tail -c $(($3 - $2 + 1))
}

# parts BOUNDARY: the body of one to "bytes=0-99,50000-69999"
parts() {
    part "$1" 0 99
    part "$1" 50000 69999
    printf '\r\n--%s--\r\n' "$1"
}

body c
response /c 1 100000
response /chunks/c 1 100000
response /threads/c 1 100000
response /direct/c any 0
body d
response /rate/d 1 200000
response /both/d 1 200000
# One for the end of each file, and for what follows the last one.
body a c b
response /added/c 3 121000
printf 'head ' >"$work/html/head"
printf ' tail' >"$work/html/tail"
body head c tail
response /page 2 100000
head -c 70000 "$work/html/c" | tail -c 65000 >"$work/body"
response /c 1 65000 'Range: bytes=5000-69999'
response /c 3 20100 'Range: bytes=0-99,50000-69999'
zc_stop
wait_idle
no_drops
