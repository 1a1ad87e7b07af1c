#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Keys change amid data, because either side wants it: the kernel gets the new
# ones, on the device and in software. Applications on OpenSSL 3.0, which tells
# nobody but its key log, which a server may have for itself (s_server). Where
# the kernel cannot change keys the connection ends with an alert.
# shellcheck source-path=SCRIPTDIR disable=SC2119
#
# kernels: 6.1
. "${LINETLS_SRC:?}/test/vm/lib-ulp.sh"
. "$LINETLS_SRC/test/vm/lib-provider.sh"

need nginx gnutls-cli openssl tcpdump
tool=$tools/key_update
PORT=4434 SIZE=1048576 UPDATES=10
example=$LINETLS_SRC/examples/openssl.cnf

listening_here() {
    listening $PORT
}

# field NAME WHAT: of what the tool has printed last
field() {
    log_field "$1" "$2 ([0-9]+)"
}

# get LOG OPTIONS: a client that sends a few bytes and gets everything.
get() {
    local log=$1 port=$2
    shift 2
    cli timeout $PATIENCE "$tool" connect "$SRV4" "$port" "$work/cert.pem" \
        -o "$work/got" "$@" >"$work/$log.log" 2>&1
}

# both_ways SUITE PATH CONFIG: the server changes keys, and asks for the
# client's; the client asks for the server's.
both_ways() {
    local suite=$1 path=$2 config=$3 before
    before=$(ulp_stat LinetlsRekeys)
    background out srv "${with_provider[@]}" OPENSSL_CONF="$config" \
        "$tool" accept "$SRV4" $PORT "$work/cert.pem" -k "$work/key.pem" \
        -c "$suite" -f "$work/html/$SIZE" -e -o "$work/said" -u 100000 -r
    wait_for listening_here
    get in $PORT -f "$work/say" -u 10 -r || fail "$suite: $(<"$work/in.log")"
    finish out || fail "$suite, server: $(<"$work/out.log")"
    cmp "$work/got" "$work/html/$SIZE"
    cmp "$work/said" "$work/say"
    is_gt "$(debug_lines out "offloaded by linetls.* path $path")" 0 \
        "$suite by linetls, path $path"
    is_gt "$(field in updates-received)" 10 "$suite: KeyUpdates of the server"
    is_eq "$(field in updates-received)" "$(field out updates-sent)" \
        "$suite: KeyUpdates received and sent"
    is_gt "$(field out updates-received)" 10 "$suite: KeyUpdates of the client"
    is_eq $(($(ulp_stat LinetlsRekeys) - before)) \
        "$(field out updates-sent)" "$suite: new keys in the kernel"
}

bodies() {
    grep -a "^$MARKER" "$1" >"$work/bodies" || :
}

ulp_begin
make_site
printf '%s\n' {1..9}{1..9} >"$work/say"
head -c 100 "$work/say" >"$work/say.100"
mv "$work/say.100" "$work/say"
sed 's/^offload = .*/offload = software/' "$example" >"$work/software.cnf"
capture_start wire

both_ways TLS_AES_128_GCM_SHA256 1 "$example"
both_ways TLS_AES_256_GCM_SHA384 1 "$example"
both_ways TLS_CHACHA20_POLY1305_SHA256 1 "$example"
both_ways TLS_AES_256_GCM_SHA384 0 "$work/software.cnf"
say "$SECONDS s: both sides change keys: equal"

# The provider at the client, which sends. Neither side waits for the other.
background in srv "$tool" accept "$SRV4" $PORT "$work/cert.pem" \
    -k "$work/key.pem" -o "$work/got" -f "$work/say" -u 10 -r
wait_for listening_here
cli "${with_provider[@]}" timeout $PATIENCE "$tool" connect "$SRV4" $PORT \
    "$work/cert.pem" -f "$work/html/$SIZE" -e -u 30000 -r -b 20000 \
    >"$work/out.log" 2>&1 || fail "client: $(<"$work/out.log")"
finish in || fail "server: $(<"$work/in.log")"
cmp "$work/got" "$work/html/$SIZE"
is_eq "$(debug_lines out 'offloaded by linetls')" 1 "client offloaded"
is_gt "$(field in updates-received)" 30 "KeyUpdates of the client"
say "$SECONDS s: a client changes keys: equal"

# s_server sends its input, logs its secrets, and changes keys by command.
mkfifo "$work/input"
exec {input}<>"$work/input"
srv "${with_provider[@]}" openssl s_server -accept $PORT -naccept 1 \
    -cert "$work/cert.pem" -key "$work/key.pem" -keylogfile "$work/keys" \
    <&"$input" >"$work/s_server.log" 2>&1 &
lib_pids[s_server]=$!
wait_for listening_here
background in cli timeout $PATIENCE "$tool" connect "$SRV4" $PORT \
    "$work/cert.pem" -o "$work/got" -f "$work/say" -u 10 -r \
    -n $((SIZE + 16384))
wait_for grep -q 'CIPHER is' "$work/s_server.log"
got_is() {
    [ "$(stat -c %s "$work/got")" = "$1" ]
}
cat "$work/html/$SIZE" >&"$input"
wait_for got_is $SIZE
before=$(ulp_stat LinetlsRekeys)
echo K >&"$input"
wait_for grew LinetlsRekeys "$before"
cat "$work/html/16384" >&"$input"
finish in || fail "s_server's client: $(<"$work/in.log")"
exec {input}>&-
finish s_server || fail "s_server: $(tail -n 3 "$work/s_server.log")"
cat "$work/html/$SIZE" "$work/html/16384" | cmp - "$work/got"
is_gt "$(field in updates-received)" 10 "KeyUpdates of s_server"
is_eq "$(count '^SERVER_TRAFFIC_SECRET_N ' "$work/keys")" \
    "$(field in updates-received)" "secrets of s_server in its key log"
is_eq "$(count '^SERVER_TRAFFIC_SECRET_0 ' "$work/keys")" 1 "first secrets"
say "$SECONDS s: s_server changes keys, and logs them: equal"

# nginx: requests come while earlier responses are on their way.
start_nginx
request() {
    printf 'GET /%s HTTP/1.1\r\nHost: x\r\nConnection: %s\r\n\r\n' "$@"
}
for path in '' proxied/; do
    request "$path$SIZE" keep >"$work/requests"
    every=$(stat -c %s "$work/requests")
    for ((i = 2; i < UPDATES; i++)); do
        request "$path$SIZE" keep
    done >>"$work/requests"
    request "$path$SIZE" close >>"$work/requests"
    get in $NGINX_PORT -f "$work/requests" -u "$every" -r ||
        fail "nginx /$path: $(<"$work/in.log")"
    bodies "$work/got"
    for ((i = 0; i < UPDATES; i++)); do
        cat "$work/html/$SIZE"
    done | cmp - "$work/bodies" || fail "nginx /$path"
    is_gt "$(field in updates-sent)" $((UPDATES - 1)) "KeyUpdates requested"
    is_gt "$(field in updates-received)" 1 "KeyUpdates of nginx /$path"
done
say "$SECONDS s: nginx answers a client that asks for new keys: equal"

# GnuTLS asks between requests.
rm -f "$work/gnutls.in"
mkfifo "$work/gnutls.in"
exec {input}<>"$work/gnutls.in"
cli timeout $PATIENCE gnutls-cli --x509cafile "$work/cert.pem" --inline-commands \
    --priority "NORMAL:-VERS-ALL:+VERS-TLS1.3" -p $NGINX_PORT "$SRV4" \
    <&"$input" >"$work/gnutls.out" 2>&1 &
lib_pids[gnutls]=$!
bodies_are() {
    bodies "$work/gnutls.out"
    [ "$(stat -c %s "$work/bodies")" -ge $((16384 * $1)) ]
}
rekeys_are() {
    [ "$(count 'Rekey was completed' "$work/gnutls.out")" = "$1" ]
}
before=$(ulp_stat LinetlsRekeys)
for i in 1 2 3; do
    request 16384 "$([ $i = 3 ] && echo close || echo keep)" >&"$input"
    wait_for bodies_are $i
    [ $i -lt 3 ] || break
    echo '^rekey^' >&"$input"
    wait_for rekeys_are $i
done
finish gnutls || fail "gnutls-cli: $(tail -n 5 "$work/gnutls.out")"
exec {input}>&-
cat "$work/html/16384"{,,} | cmp - "$work/bodies"
is_eq $(($(ulp_stat LinetlsRekeys) - before)) 2 "new keys asked by GnuTLS"
stop nginx
! grep -E '\[(alert|crit|error)\]' "$work/error.log" ||
    fail "nginx has logged an error"
say "$SECONDS s: nginx, gnutls-cli: equal"

capture_stop wire
is_eq "$(capture_search wire "$MARKER" "HTTP/1.1 200")" 0 "plaintext"
no_drops
wait_idle

# Where the kernel's own ULP was asked for, the connection ends cleanly.
sed 's/^ulp = .*/ulp = tls/' "$example" >"$work/tls.cnf"
background out srv "${with_provider[@]}" OPENSSL_CONF="$work/tls.cnf" \
    "$tool" accept "$SRV4" $PORT "$work/cert.pem" -k "$work/key.pem" \
    -f "$work/html/$SIZE" -e -u 100000
wait_for listening_here
must_fail get in $PORT
must_fail finish out
is_eq "$(debug_lines out 'offloaded by tls')" 1 "offloaded by tls"
is_gt "$(count 'the kernel refused new keys' "$work/out.log")" 0 \
    "the server's error"
is_gt "$(count 'alert internal error' "$work/in.log")" 0 "the client's alert"
unload
