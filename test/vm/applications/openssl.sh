# shellcheck shell=bash disable=SC2034,SC2086,SC2154
# SPDX-License-Identifier: GPL-2.0
#
# s_server with a pipe at each end, and s_client.
label="openssl ${variant:-s_server}"

version() {
    in_root openssl version | grep -Eo '[0-9]+\.[0-9]+' | head -n 1
}

start() {
    :
}

got_all() {
    [ "$(stat -c %s "$1" 2>/dev/null)" = $SIZE ]
}

# Each side writes without reading: not both at the same time.
answer_later() {
    wait_for -t 120 got_all "$work/taken"
    cat "$work/html/$SIZE" >&"$1"
}

use_s_server() {
    local input
    mkfifo "$work/input"
    exec {input}<>"$work/input"
    # In the background, but with an input of its own.
    srv chroot "$root" openssl s_server -quiet -naccept 1 -accept $PORT \
        -cert "$work/cert.pem" -key "$work/key.pem" \
        <"$work/input" >"$work/taken" 2>"$work/server.log" &
    lib_pids[server]=$!
    wait_for listening $PORT
    answer_later "$input" &
    rm -f "$work/got"
    far python3 "$here/exchange.py" connect $SRV4 $PORT "$1" \
        "$work/cert.pem" "$work/up" "$work/got" $SIZE \
        >"$work/codes" 2>&1 || fail "$name: client: $(<"$work/codes")"
    finish server || fail "$name: $(<"$work/server.log")"
    exec {input}>&-
    rm "$work/input"
    seen "TLS $1 $(<"$work/codes")"
    downloaded "$work/got"
    uploaded "$work/taken"
}

use_s_client() {
    local only=-tls1_3
    [ "$1" = 1.3 ] || only=-tls1_2
    rm -f "$work/taken"
    peer server python3 "$here/exchange.py" accept $CLI4 $PORT any \
        "$work/both.pem" "$work/html/$SIZE" "$work/taken" $SIZE
    wait_for log_has server listening
    srv chroot "$root" openssl s_client -quiet $only \
        -CAfile "$work/cert.pem" -verify_return_error -ign_eof \
        -connect $CLI4:$PORT <"$work/up" >"$work/got" 2>"$work/errors" ||
        fail "$name: $(<"$work/errors")"
    served_once
    # It says itself that the kernel encrypts.
    seen "TLS $1 $(grep -Ev 'linetls|Using Kernel TLS' "$work/errors")"
    seen "$(sed 's/ received/ got/' "$work/server.log")"
    downloaded "$work/got"
}

use() {
    "use_${variant:-s_server}" "$1"
}
