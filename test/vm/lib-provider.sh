# shellcheck shell=bash disable=SC2154,SC2119,SC2120
# SPDX-License-Identifier: GPL-2.0
#
# For tests of the provider, after lib.sh: servers that run from examples/
# without a change, and clients that know nothing of it.

NGINX_PORT=8443 S_SERVER_PORT=4433
FILES=(1 16383 16384 16385 1048576)
BIG=10485760

# The server's processes, not the clients', run under these.
with_provider=(env "OPENSSL_CONF=$LINETLS_SRC/examples/openssl.cnf"
    "OPENSSL_MODULES=$LINETLS_PROVIDER_DIR" LINETLS_DEBUG=1)

# make_site: certificate and files, in $work and $work/html.
make_site() {
    local size
    [ -f "$LINETLS_PROVIDER_DIR/linetls.so" ] || fail "no linetls.so was built"
    make_cert
    mkdir -p "$work/html"
    for size in $BIG "${FILES[@]}"; do
        make_payload "$size" "$work/html/$size"
    done
    cp "$LINETLS_SRC/examples/nginx.conf" "$work"
    chmod -R a+rX "$work"
}

# upload_conf NAME LISTEN...: $work/NAME.conf, an nginx that has the files of
# $work/html and takes uploads to /put/; LISTEN is its directive's arguments.
upload_conf() {
    local name=$1
    shift
    cat >"$work/$name.conf" <<END
error_log $work/$name.error;
pid $work/$name.pid;
user root;
events {}
http {
    access_log off;
    sendfile on;
    client_max_body_size 0;
    client_body_temp_path $work/body;
    server {
        listen $*;
        ssl_certificate $work/cert.pem;
        ssl_certificate_key $work/key.pem;
        ssl_protocols TLSv1.2 TLSv1.3;
        root $work/html;
        location /put/ { root $work; dav_methods PUT; }
    }
}
END
}

# start_nginx [OPENSSL_CONF]
start_nginx() {
    local provider=("${with_provider[@]}")
    [ $# -eq 0 ] || provider+=("OPENSSL_CONF=$1")
    : >"$work/error.log"
    background nginx srv "${provider[@]}" \
        nginx -p "$work" -c nginx.conf -g 'daemon off;'
    wait_for listening $NGINX_PORT
}

# start_s_server [OPTIONS]
start_s_server() {
    background s_server srv "${with_provider[@]}" \
        "$LINETLS_SRC/examples/s_server" "$work/html" "$work/cert.pem" \
        "$work/key.pem" -accept "$S_SERVER_PORT" "$@"
    wait_for listening $S_SERVER_PORT
}

# curl_tls VERSION CIPHER ARGS...: the cipher's name is OpenSSL's.
curl_tls() {
    local version=$1 cipher=$2 option=--ciphers
    shift 2
    [ "$version" != 1.3 ] || option=--tls13-ciphers
    cli curl -sS --http0.9 --max-time $PATIENCE --cacert "$work/cert.pem" \
        --tlsv"$version" --tls-max "$version" $option "$cipher" "$@"
}

# download_all VERSION CIPHER URL: every file below it, over one connection
# where the server keeps it.
download_all() {
    local version=$1 cipher=$2 url=$3 size args=()
    for size in "${FILES[@]}"; do
        args+=(-o "$work/got.$size" "$url/$size")
    done
    curl_tls "$version" "$cipher" "${args[@]}"
    for size in "${FILES[@]}"; do
        cmp "$work/html/$size" "$work/got.$size" ||
            fail "TLS $version $cipher $url/$size is not what was served"
        rm "$work/got.$size"
    done
}

# gnutls_download VERSION CIPHER PORT SIZE: the cipher's name is GnuTLS's.
# gnutls-cli writes less than 1 MB a second. Its input stays open: at the end
# of it, it would send a close_notify, which a server that closes without
# reading it answers by a reset. That it saw a proper end is part of the verdict.
gnutls_download() {
    local version=$1 cipher=$2 port=$3 size=$4 input status=0
    rm -f "$work/gnutls.in"
    mkfifo "$work/gnutls.in"
    exec {input}<>"$work/gnutls.in"
    printf 'GET /%s HTTP/1.0\r\n\r\n' "$size" >&"$input"
    cli timeout $PATIENCE gnutls-cli --x509cafile "$work/cert.pem" \
        --priority "NORMAL:-VERS-ALL:+VERS-TLS$version:-CIPHER-ALL:+$cipher" \
        --logfile "$work/gnutls.log" -p "$port" "$SRV4" \
        <&"$input" >"$work/gnutls.out" || status=$?
    exec {input}>&-
    is_eq "$status" 0 "gnutls-cli: $(tail -n 3 "$work/gnutls.log")"
    tail -c "$size" "$work/gnutls.out" | cmp - "$work/html/$size" ||
        fail "gnutls-cli: TLS $version $cipher $size is not what was served"
    grep -q 'Peer has closed' "$work/gnutls.log" ||
        fail "gnutls-cli: TLS $version $cipher: no close_notify"
}

# tls_stat NAME: of mainline's ULP, in the server's namespace; 0 without it.
tls_stat() {
    srv cat /proc/net/tls_stat 2>/dev/null |
        awk -v name="$1" '$1 == name { n = $2 } END { print n + 0 }'
}

# offloads CONNECTIONS CMD...: CMD makes that many, all on the device.
offloads() {
    local connections=$1 before
    shift
    before=$(ulp_stat LinetlsTxDevice)
    "$@"
    is_eq $(($(ulp_stat LinetlsTxDevice) - before)) "$connections" \
        "on the device: $*"
}

# downloads CONNECTIONS URL: all files, in each version and cipher; each time, so
# many connections are on the device.
ciphers_12=(ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-ECDSA-AES256-GCM-SHA384)
ciphers_13=(TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384)
downloads() {
    local i
    for i in 0 1; do
        offloads "$1" download_all 1.2 "${ciphers_12[i]}" "$2"
        offloads "$1" download_all 1.3 "${ciphers_13[i]}" "$2"
    done
}

# count PATTERN FILE: lines that have it
count() {
    grep -c -- "$1" "$2" || :
}

# debug_lines NAME PATTERN: how many lines of a server's output have it.
debug_lines() {
    local log=$work/$1.log
    [ "$1" != nginx ] || log="$log $work/error.log"
    # shellcheck disable=SC2086
    cat $log | { grep -c "linetls\[[0-9]*\]: .*$2" || :; }
}
