#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A peer acknowledges what the device has yet to send, and then the file is
# rewritten. The packets in the device keep the bytes that they had.
set -eu
# shellcheck source=test/vm/lib-guard.sh disable=SC2119
. "$(dirname "$0")/lib-guard.sh"

ulp_begin
pages=64
make_guarded "$work/file" $pages
pause=/sys/kernel/debug/linetls_nic/$TLS_DEV/pause
# All of it comes at once, in the end.
echo 4000000 >/proc/sys/net/core/rmem_max

background writer "$guard_write" -v "$versions" -w "$work/write" -S $pages \
    "$work/file" rewrite
downloads_start in 1 -b 2000000 -A 400000 -w "$work/go"
echo Y >"$pause"
downloads_send out -n 1 -o "$work/file"
finish out || fail "the sender failed: $(<"$work/out.log")"
is_eq "$(sender_count out copied)" 0 "copied"
# But for the last ones: where they end is not known to the peer.
acknowledged() {
    [ "$(ulp_stat LinetlsRecordsTracked)" -le 2 ]
}
wait_for acknowledged
: >"$work/write"
finish writer || fail "the writer: $(<"$work/writer.log")"
is_eq "$(ulp_stat LinetlsGuardBreaks)" 1 "writers"
is_eq "$(nic_stat tx_tls_ctx_active)" 1 "connections in the device"

: >"$work/go"
echo N >"$pause"
finish in || fail "the receiver failed: $(<"$work/in.log")"
is_eq "$(log_field in '^responses .* old ([0-9]+)')" $((pages * 4096)) \
    "bytes from before the writer"
is_eq "$(ulp_stat LinetlsGuardTorn)" 0 "pages that could not be detached"
wait_idle
unload
