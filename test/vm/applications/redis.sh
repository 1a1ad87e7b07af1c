# shellcheck shell=bash disable=SC2016,SC2034,SC2086,SC2154
# SPDX-License-Identifier: GPL-2.0
label=Redis

version() {
    in_root redis-server --version | grep -Eo '[0-9]+\.[0-9]+' | head -n 1
}

start() {
    app server redis-server --port 0 --tls-port $PORT --bind $SRV4 \
        --dir "$work" --save '' --protected-mode no --tls-auth-clients no \
        --tls-cert-file "$work/cert.pem" --tls-key-file "$work/key.pem" \
        --tls-ca-cert-file "$work/cert.pem"
    wait_for listening $PORT
    {
        printf '*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%s\r\n' $SIZE
        cat "$work/up"
        printf '\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*1\r\n$4\r\nQUIT\r\n'
    } >"$work/commands"
    {
        printf '+OK\r\n$%s\r\n' $SIZE
        cat "$work/up"
        printf '\r\n+OK\r\n'
    } >"$work/answers"
}

# What was uploaded comes back.
use() {
    far python3 "$here/exchange.py" connect $SRV4 $PORT "$1" \
        "$work/cert.pem" "$work/commands" "$work/got" >"$work/codes" 2>&1 ||
        fail "$name: client: $(<"$work/codes")"
    seen "TLS $1" "$(<"$work/codes")"
    downloaded "$work/got" "$work/answers"
    uploaded "$work/got" "$work/answers"
}
