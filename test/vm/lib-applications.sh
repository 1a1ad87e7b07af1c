# shellcheck shell=bash disable=SC2034,SC2154,SC2206
# SPDX-License-Identifier: GPL-2.0
#
# For provider-applications, after lib-ulp.sh, lib-provider.sh and lib-root.sh.
# applications/NAME.sh is one application. It defines
#
#   label      its name
#   version    prints it
#   start      starts it, in srv
#   use TLS    a client's work in this version of TLS, with seen, downloaded
#              and uploaded
#   versions   of TLS, if not both
#
# and may look at $variant. The provider is on or off by openssl.cnf of the
# whole root, as an operator would have it; peers in cli never have it.

SIZE=1048576 PORT=8443
suites_12=ECDHE-ECDSA-AES128-GCM-SHA256
suites_13=TLS_AES_256_GCM_SHA384

# applications_begin RELEASE...: roots with the provider and users, files, and
# a plain http server for proxies.
applications_begin() {
    local release
    make_site
    cat "$work/cert.pem" "$work/key.pem" >"$work/both.pem"
    tac "$work/html/$SIZE" >"$work/up"
    mkdir "$work/put"
    upload_conf backend 127.0.0.1:8080
    background backend srv nginx -p "$work" -c backend.conf -g 'daemon off;'
    wait_for listening 8080
    for release in "$@"; do
        enter_root "$release"
        cp "$LINETLS_PROVIDER_DIR/linetls.so" \
            "$root/usr/lib/x86_64-linux-gnu/ossl-modules"
        cp "$root/etc/ssl/openssl.cnf" "$root/etc/ssl/openssl.cnf.off"
        printf '%s\n' postfix:x:901:901::/: postgres:x:902:902::/: \
            haproxy:x:903:903::/: >>"$root/etc/passwd"
        printf '%s\n' postfix:x:901: postgres:x:902: haproxy:x:903: \
            postdrop:x:904: >>"$root/etc/group"
    done
    chmod -R a+rwX "$work"
}

# switch_provider on|off
switch_provider() {
    local from=$root/etc/ssl/openssl.cnf.off
    [ "$1" = off ] || from=$LINETLS_SRC/examples/openssl.cnf
    # What the example takes in is the file that it stands in for here.
    sed 's/^debug = .*/debug = 1/
        s,^\.include /etc/ssl/openssl.cnf$,&.off,' \
        "$from" >"$root/etc/ssl/openssl.cnf"
}

# Programs of the root at the other end, which never have the provider.
far() {
    cli env OPENSSL_CONF=/dev/null chroot "$root" "$@"
}

# app NAME CMD...: in srv and in the application's root. peer: in cli.
app() {
    local name=$1
    shift
    # Nobody must read in it of the one before.
    : >"$work/$name.log"
    background "$name" srv chroot "$root" "$@"
}

peer() {
    local name=$1
    shift
    : >"$work/$name.log"
    background "$name" cli env OPENSSL_CONF=/dev/null chroot "$root" "$@"
}

# seen TEXT: by the client, and the same whether the provider is on or off
seen() {
    printf '%s\n' "$*" >>"$work/seen.$mode"
}

downloaded() {
    cmp "$1" "${2:-$work/html/$SIZE}" || fail "$name: other bytes downloaded"
    down=$((down + SIZE))
}

uploaded() {
    cmp "$1" "${2:-$work/up}" || fail "$name: other bytes uploaded"
    up=$((up + SIZE))
}

# use_https TLS [CURL OPTIONS]: a download and an upload over one connection.
use_https() {
    local tls=$1 cipher=--ciphers suite=$suites_12 options
    shift
    [ "$tls" = 1.2 ] || cipher=--tls13-ciphers suite=$suites_13
    options=(-sS --max-time 120 --cacert "$work/cert.pem" --tlsv"$tls"
        --tls-max "$tls" $cipher "$suite" -D "$work/headers" -H Expect:
        -w '%{http_code} %{num_connects} %{size_download} %{size_upload}\n' "$@")
    rm -f "$work/got" "$work/put/up"
    cli curl "${options[@]}" -o "$work/got" "https://$SRV4:$PORT/$SIZE" \
        --next "${options[@]}" -T "$work/up" -o "$work/answer" \
        "https://$SRV4:$PORT/put/up" >"$work/codes" ||
        fail "$name: curl $tls: $? $(<"$work/codes")"
    seen "TLS $tls" "$(<"$work/codes")"
    seen "$(grep -Eiv '^(date|etag|last-modified|age|via|x-cache)' \
        "$work/headers")"
    downloaded "$work/got"
    uploaded "$work/put/up"
}

# use_raw TLS: the client sends, then the server does.
use_raw() {
    rm -f "$work/got"
    far python3 "$here/exchange.py" connect "$SRV4" $PORT "$1" \
        "$work/cert.pem" "$work/up" "$work/got" >"$work/codes" 2>&1 ||
        fail "$name: client: $(<"$work/codes")"
    seen "TLS $1" "$(<"$work/codes")"
    downloaded "$work/got"
}

# served_once: the server of exchange.py or serve.js, which serves once.
served_once() {
    finish server || fail "$name: $(<"$work/server.log")"
    uploaded "$work/taken"
}

stop_all() {
    local each
    for each in "${!lib_pids[@]}"; do
        case $each in
        anchor | backend | tcpdump-*) ;;
        *) stop "$each" ;;
        esac
    done
}

# run_mode on|off
run_mode() {
    local tls
    mode=$1 down=0 up=0
    : >"$work/seen.$mode"
    switch_provider "$mode"
    start
    for tls in "${versions[@]}"; do
        use "$tls"
    done
    stop_all
}

# application NAME[:VARIANT]: a row of the table
application() {
    local device software way
    name=$1 variant=${1#*:} versions=(1.3 1.2)
    [ "$variant" != "$name" ] || variant=
    # shellcheck source=/dev/null
    . "$here/${name%%:*}.sh"
    device=$(ulp_stat LinetlsTxDevice) software=$(ulp_stat LinetlsTxSw)
    run_mode off
    is_eq "$(ulp_stat LinetlsTxDevice) $(ulp_stat LinetlsTxSw)" \
        "$device $software" "$name: connections of an application without us"
    run_mode on
    diff "$work/seen.off" "$work/seen.on" >"$work/diff" ||
        fail "$name, without and with the provider: $(<"$work/diff")"
    device=$(($(ulp_stat LinetlsTxDevice) - device))
    software=$(($(ulp_stat LinetlsTxSw) - software))
    is_eq "$software" 0 "$name: connections in software"
    way=untouched
    [ "$device" = 0 ] || way=offloaded
    rows+=("| $label $(version) | $openssl | ${versions[*]} | $way | $up | $down |")
    say "$SECONDS s: ${rows[-1]} ($device connections)"
}
