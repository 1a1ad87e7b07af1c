#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# s_server changes its keys by command, and logs its secrets as before. Where
# the kernel cannot change keys the connection ends with an alert.
# shellcheck source-path=SCRIPTDIR disable=SC2119
#
# kernels: 6.1
# needs: long
# (s_server ends without a close_notify, which the client does not forgive: the
# first step has not passed yet.)
. "${LINETLS_SRC:?}/test/vm/lib-ulp.sh"
. "$LINETLS_SRC/test/vm/lib-provider.sh"

need nginx gnutls-cli openssl tcpdump
tool=$tools/key_update
PORT=4434 SIZE=1048576
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
    cli timeout 60 "$tool" connect "$SRV4" "$port" "$work/cert.pem" \
        -o "$work/got" "$@" >"$work/$log.log" 2>&1
}

ulp_begin
make_site
printf '%s\n' {1..9}{1..9} >"$work/say"
head -c 100 "$work/say" >"$work/say.100"
mv "$work/say.100" "$work/say"
capture_start wire

# s_server sends its input, logs its secrets as before, and changes keys.
mkfifo "$work/input"
exec {input}<>"$work/input"
srv "${with_provider[@]}" openssl s_server -accept $PORT -naccept 1 \
    -cert "$work/cert.pem" -key "$work/key.pem" -keylogfile "$work/keys" \
    <&"$input" >"$work/s_server.log" 2>&1 &
lib_pids[s_server]=$!
wait_for listening_here
background in cli timeout 60 "$tool" connect "$SRV4" $PORT \
    "$work/cert.pem" -o "$work/got" -f "$work/say" -u 10 -r
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
wait_for got_is $((SIZE + 16384))
echo Q >&"$input"
finish s_server || fail "s_server: $(tail -n 3 "$work/s_server.log")"
exec {input}>&-
finish in || fail "s_server's client: $(<"$work/in.log")"
cat "$work/html/$SIZE" "$work/html/16384" | cmp - "$work/got"
is_gt "$(field in updates-received)" 10 "KeyUpdates of s_server"
is_eq "$(count '^SERVER_TRAFFIC_SECRET_N ' "$work/keys")" \
    "$(field in updates-received)" "secrets of s_server in its key log"
is_eq "$(count '^SERVER_TRAFFIC_SECRET_0 ' "$work/keys")" 1 "first secrets"
say "$SECONDS s: s_server changes keys, and logs them: equal"

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
