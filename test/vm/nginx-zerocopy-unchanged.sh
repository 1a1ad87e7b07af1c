#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# needs: long
# build: patches/nginx/build
#
# Patched nginx does what the original does where the directive is off, where
# libssl encrypts, and on the kernel's own ULP: the same responses in the same
# records by the same system calls, but for one on the latter, which fails.
# shellcheck source-path=SCRIPTDIR disable=SC2119
. "${LINETLS_SRC:?}/test/vm/lib-ulp.sh"
. "$LINETLS_SRC/test/vm/lib-provider.sh"
. "$LINETLS_SRC/test/vm/lib-zerocopy.sh"

need curl openssl strace
zc_begin plain
# Its signatures are all of one length.
openssl req -x509 -newkey ed25519 -nodes -keyout "$work/key.pem" \
    -out "$work/cert.pem" -subj /CN=localhost \
    -addext "subjectAltName=IP:$SRV4" 2>/dev/null
zc_file a 1000
zc_file c 100000 64000

# conf NAME: what stands in http{} is read, and comes first.
conf() {
    { cat; cat <<END
    server {
        listen 8443 ssl http2;
        location /chunks/ { alias $work/html/; sendfile_max_chunk 40000; }
        location /added/ {
            alias $work/html/;
            addition_types *;
            add_after_body /a;
        }
    }
END
    } | zc_conf "$1" ''
}
conf default </dev/null
conf off <<<'    ssl_sendfile_zerocopy off;'

worker() {
    pgrep -P "$(pid_of nginx)"
}

# requests NAME: responses and sizes of records, into $work/responses.NAME and
# $work/records.NAME. HTTP/2 would depend on when the client's frames come.
requests() {
    {
        get --http1.1 --tls-max 1.2 -i "$site"/{c,a,chunks/c,added/c}
        get --http1.1 --tls-max 1.2 -i -r 5000-69999 "$site/c"
        get --http1.1 -i "$site/c"
    } | sed '/^Date: /d' >"$work/responses.$1"
    record_sizes /c >"$work/records.$1"
    record_sizes /chunks/c >>"$work/records.$1"
}

# observe NAME CONF BINARY: its requests, and what its worker did to sockets,
# into $work/calls.NAME
observe() {
    zc_start "$2" "$3" LINETLS_DEBUG=0
    background strace strace -y -a 1 -s 0 -o "$work/strace" -p "$(worker)" \
        -e trace=sendfile,write,writev,sendto,sendmsg,setsockopt,getsockopt
    wait_for grep -q attached "$work/strace.log"
    requests "$1"
    zc_stop
    finish strace || fail "strace: $(<"$work/strace.log")"
    # The provider asks for its ULP again after a while.
    sed -nE '/TCP_ULP, .* ENOENT/d; /^[a-z0-9]+\([0-9]+<socket:/{
        s,[0-9]+</[^>]*/([^>/]*)>,\1,g; s/<[^>]*>//g; s/\{.*\}/{}/; p; }' \
        "$work/strace" >"$work/calls.$1"
}

# same_as_original WHAT CONF CALLS [REFUSED]: with CONF, of which the original
# has what it knows, and with that many calls CALLS of the original. REFUSED
# calls of the patched one are its own.
same_as_original() {
    local kind own='SOL_TLS, 0x42 .* = -1 ENOPROTOOPT'
    zc_send_buffer
    observe original default "$nginx_dir/original"
    observe patched "$2" "$nginx_dir/nginx"
    is_gt "$(count "^$3(" "$work/calls.original")" 8 "$1: $3()"
    is_eq "$(count "$own" "$work/calls.patched")" "${4:-0}" "$1: LINETLS_TX_FILE"
    sed -i "/$own/d" "$work/calls.patched"
    for kind in responses records calls; do
        diff -u "$work/$kind.original" "$work/$kind.patched" >"$work/diff" ||
            fail "$1: $kind: $(head -n 40 "$work/diff")"
    done
    say "$SECONDS s: $1: the same $(grep -c '' "$work/calls.patched") calls"
}

same_as_original "ssl_sendfile_zerocopy off" off sendfile
is_gt "$(ulp_stat LinetlsTxSw)" 9 "connections of linetls"
wait_idle
unload
[ ! -d /sys/module/tls ] || wait_for lib_remove tls

# Nginx is root here, for whom the kernel would load them.
printf 'blacklist %s\n' linetls tls >/etc/modprobe.d/no-ulp.conf
topology plain
same_as_original "libssl" default write
[ ! -d /sys/module/tls ] || fail "tls has been loaded"

modprobe tls
same_as_original "tls" default sendfile 4
is_eq "$(tls_stat TlsTxSw)" 8 "connections of tls"
rm /etc/modprobe.d/no-ulp.conf
