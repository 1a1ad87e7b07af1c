# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: GPL-2.0
#
# For tests of HAProxy, after lib-ulp.sh and lib-provider.sh: HAProxy with
# examples/haproxy.cfg in front of an nginx that sends the files in the clear.

url=https://$SRV4:$NGINX_PORT

# haproxy_begin: the files, the configuration, the backends.
haproxy_begin() {
    ulp_begin
    make_site
    cat "$work/cert.pem" "$work/key.pem" >"$work/haproxy.pem"
    sed 's/^defaults/&\n    option splice-auto/
        s/^    default_backend.*/    use_backend slow if { path \/slow }\n&/' \
        "$LINETLS_SRC/examples/haproxy.cfg" >"$work/haproxy.cfg"
    cat >>"$work/haproxy.cfg" <<END

backend slow
    server slow 127.0.0.1:8081
END
    cat >"$work/backend.conf" <<END
error_log error.log;
pid backend.pid;
events {}
http {
    access_log off;
    server { listen 127.0.0.1:8080; root html; }
}
END
    chmod a+r "$work"/*
    background backend srv nginx -p "$work" -c backend.conf -g 'daemon off;'
    wait_for listening 8080
}

# start_haproxy CMD...: in srv, with the provider
start_haproxy() {
    background haproxy srv "${with_provider[@]}" "$@" \
        -db -C "$work" -f haproxy.cfg
    wait_for -t 120 listening "$NGINX_PORT"
}

# haproxy_waits: a client that is slower than HAProxy, whose writes have to
# wait, and one on GnuTLS that asks for a proper end.
haproxy_waits() {
    offloads 1 curl_tls 1.3 TLS_AES_128_GCM_SHA256 --http1.1 \
        --limit-rate 4M -o "$work/got" "$url/$BIG"
    cmp "$work/got" "$work/html/$BIG"
    offloads 1 gnutls_download 1.3 AES-256-GCM $NGINX_PORT 16385
    offloads 1 gnutls_download 1.2 AES-128-GCM $NGINX_PORT 16385
}

has_size() {
    [ -f "$1" ] && [ "$(stat -c %s "$1")" -ge "$2" ]
}

# haproxy_pauses: the backend stops in the middle of a response, and what has
# come of it so far gets through.
haproxy_pauses() {
    local size=3000 total=20000 rest
    head -c $total "$work/html/$BIG" >"$work/whole"
    mkfifo "$work/paused"
    # shellcheck disable=SC2016
    background paused srv sh -c '{ printf "HTTP/1.1 200 OK\r\n"
        printf "Content-Length: %s\r\n\r\n" "$2"; head -c "$3" "$1/whole"
        cat "$1/paused"; } | nc -l 127.0.0.1 8081' \
        sh "$work" $total $size
    exec {rest}<>"$work/paused"
    wait_for listening 8081
    rm -f "$work/part"
    background pausing cli curl -sSN --max-time $PATIENCE \
        --cacert "$work/cert.pem" --http1.1 -o "$work/part" "$url/slow"
    wait_for -t 10 has_size "$work/part" $size
    tail -c +$((size + 1)) "$work/whole" >&"$rest"
    exec {rest}>&-
    finish pausing || fail "curl: $(<"$work/pausing.log")"
    cmp "$work/part" "$work/whole"
    stop paused
    rm "$work/paused"
}
