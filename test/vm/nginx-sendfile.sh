#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# timeout: 600
#
# Unmodified nginx sends files by sendfile(), the device encrypts: files of
# one byte, of a record's size and around it, and of many records.
# shellcheck source-path=SCRIPTDIR
. "${LINETLS_SRC:?}/test/vm/lib-ulp.sh"
. "$LINETLS_SRC/test/vm/lib-provider.sh"
. "$LINETLS_SRC/test/vm/lib-matrix.sh"

need nginx curl wget tcpdump openssl ethtool
FILES=(1 16383 16384 16385)
matrix_begin
start_nginx

small() {
    cell curl 1 $NGINX_PORT "" 16385
}

downloads() {
    cell curl 1 $NGINX_PORT "" "${FILES[@]}" $BIG
    cell wget 1 $NGINX_PORT "" "${FILES[@]}"
}

control small
trace=/sys/kernel/tracing
echo 1 >$trace/events/syscalls/sys_enter_sendfile64/enable
both_wires downloads
echo 0 >$trace/events/syscalls/sys_enter_sendfile64/enable
is_gt "$(count '^ *nginx-' $trace/trace)" 100 "sendfile() calls of nginx"
! grep -E '\[(alert|crit|error)\]' "$work/error.log" ||
    fail "nginx has logged an error"
stop nginx
matrix_end
