#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# timeout: 600
# long: 6.12
#
# examples/s_server, openssl's own server, sends files by SSL_write() and by
# SSL_sendfile(), and the device encrypts. A connection for each file.
# shellcheck source-path=SCRIPTDIR
. "${LINETLS_SRC:?}/test/vm/lib-ulp.sh"
. "$LINETLS_SRC/test/vm/lib-provider.sh"
. "$LINETLS_SRC/test/vm/lib-matrix.sh"

need curl wget tcpdump openssl ethtool
matrix_begin

# Two servers at a time, so that each wire is captured once.
WRITE_PORT=4433 SENDFILE_PORT=4434
S_SERVER_PORT=$SENDFILE_PORT
start_s_server -sendfile
lib_pids[sendfile]=${lib_pids[s_server]}
mv "$work/s_server.log" "$work/sendfile.log"
S_SERVER_PORT=$WRITE_PORT
start_s_server

small() {
    cell curl 1 $WRITE_PORT "" 16385
    cell curl 1 $SENDFILE_PORT "" 16385
}

# s_server serves one file per connection. The bad wire has two of them.
downloads() {
    local files=("${FILES[@]}")
    [ "$wire" = clean ] || files=(16385 1048576)
    cell curl ${#files[@]} $WRITE_PORT "" "${files[@]}"
    cell curl 2 $SENDFILE_PORT "" 16385 1048576
    cell wget 1 $SENDFILE_PORT "" 16385
}

control small
both_wires downloads
is_eq "$(count 'KTLS SENDFILE .* OK' "$work/sendfile.log")" \
    $((1 + 2 * ${#SUITES[@]} * 3)) "files by SSL_sendfile()"
is_eq "$(count 'KTLS SENDFILE .* OK' "$work/s_server.log")" 0 \
    "files by SSL_sendfile() without -sendfile"
stop sendfile
stop s_server
matrix_end
