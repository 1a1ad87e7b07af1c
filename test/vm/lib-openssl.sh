# shellcheck shell=bash disable=SC2154,SC2119
# SPDX-License-Identifier: GPL-2.0
#
# For tests of an OpenSSL that is newer than the guest's, after lib-ulp.sh,
# lib-provider.sh and lib-root.sh.

tool=$tools/key_update
PORT=4434 SIZE=1048576

# field NAME WHAT: of what the tool has printed last
field() {
    log_field "$1" "$2 ([0-9]+)"
}

# A request to nginx: PATH, and what is to become of the connection
request() {
    printf 'GET /%s HTTP/1.1\r\nHost: x\r\nConnection: %s\r\n\r\n' "$@"
}

openssl_nginx() {
    server_in_root nginx nginx -p "$work" -c nginx.conf -g 'daemon off;'
    wait_for listening $NGINX_PORT
    downloads 1 "https://$SRV4:$NGINX_PORT"
    downloads 1 "https://$SRV4:$NGINX_PORT/proxied"
    say "$SECONDS s: nginx: equal"
}

# Requests come while earlier responses are on their way, and in one packet with
# a KeyUpdate each.
openssl_nginx_updates() {
    local path every i
    for path in '' proxied/; do
        request $path$SIZE keep >"$work/requests"
        every=$(stat -c %s "$work/requests")
        for i in 2 3 4; do
            request $path$SIZE keep
        done >>"$work/requests"
        request $path$SIZE close >>"$work/requests"
        cli timeout $PATIENCE "$tool" connect "$SRV4" $NGINX_PORT \
            "$work/cert.pem" -o "$work/got" -f "$work/requests" -u "$every" -r \
            >"$work/in.log" 2>&1 || fail "nginx /$path: $(<"$work/in.log")"
        grep -a "^$MARKER" "$work/got" >"$work/bodies" || :
        cat "$work/html/$SIZE"{,,,,} | cmp - "$work/bodies" || fail "nginx /$path"
        is_gt "$(field in updates-received)" 0 "KeyUpdates of nginx /$path"
    done
    stop nginx
    ! grep -E '\[(alert|crit|error)\]' "$work/error.log" ||
        fail "nginx has logged an error"
    say "$SECONDS s: nginx answers a client that asks for new keys: equal"
}

openssl_s_server() {
    local mode
    for mode in '' -sendfile; do
        # shellcheck disable=SC2086
        server_in_root s_server "$LINETLS_SRC/examples/s_server" "$work/html" \
            "$work/cert.pem" "$work/key.pem" -accept $S_SERVER_PORT $mode
        wait_for listening $S_SERVER_PORT
        downloads ${#FILES[@]} "https://$SRV4:$S_SERVER_PORT"
        is_eq "$(count 'KTLS SENDFILE .* OK' "$work/s_server.log")" \
            "$([ -z "$mode" ] && echo 0 || echo $((4 * ${#FILES[@]})))" \
            "files by SSL_sendfile()"
        stop s_server
    done
    say "$SECONDS s: s_server: equal"
}

# Each side changes keys, and asks the other for it; who sends has linetls.
openssl_updates() {
    local before
    before=$(ulp_stat LinetlsRekeys)
    server_in_root out "$tool" accept "$SRV4" $PORT "$work/cert.pem" \
        -k "$work/key.pem" -f "$work/html/$SIZE" -e -o "$work/said" -u 100000 -r
    wait_for listening $PORT
    cli timeout $PATIENCE "$tool" connect "$SRV4" $PORT "$work/cert.pem" \
        -o "$work/got" -f "$work/say" -u 10 -r >"$work/in.log" 2>&1 ||
        fail "client: $(<"$work/in.log")"
    finish out || fail "server: $(<"$work/out.log")"
    cmp "$work/got" "$work/html/$SIZE"
    cmp "$work/said" "$work/say"
    is_eq "$(field in updates-received)" "$(field out updates-sent)" "KeyUpdates"
    is_gt "$(field out updates-sent)" 10 "KeyUpdates of the server"
    is_eq $(($(ulp_stat LinetlsRekeys) - before)) "$(field out updates-sent)" \
        "new keys in the kernel"
    say "$SECONDS s: both sides change keys: equal"
}

# all_of_openssl: of the root that was entered, with its nginx.
all_of_openssl() {
    need curl openssl tcpdump
    say "$(in_root openssl version), $(in_root nginx -v 2>&1)"
    ulp_begin
    make_site
    printf '%s\n' {10..40} >"$work/say"
    capture_start wire
    openssl_nginx
    openssl_nginx_updates
    openssl_s_server
    openssl_updates
    capture_stop wire
    is_eq "$(capture_search wire "$MARKER" "HTTP/1.1 200")" 0 "plaintext"
    no_drops
    wait_idle
}
