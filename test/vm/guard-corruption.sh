#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A file is rewritten while it is sent over a wire that loses packets. The
# kernel's own zero-copy (TLS_TX_ZEROCOPY_RO), through the same device, then
# delivers records whose tag is wrong, or bytes of no version. With the guard,
# in the same scenario, no client ever sees either.
set -eu
# shellcheck source=test/vm/lib-guard.sh
. "$(dirname "$0")/lib-guard.sh"

ulp_begin
wire_segments 1
make_guarded "$work/file" 192
wire_netem delay 5ms loss 2%

# rewritten MS OPTIONS...: downloads of a file that is rewritten every MS
rewritten() {
    local ms=$1
    shift
    rm -f "$work/done"
    background writer "$guard_write" -v "$versions" -n 1000000 -S 192 -d "$ms" \
        -u "$work/done" "$work/file" rewrite
    downloads_start in 24
    downloads_send out -n 24 -j 8 -o "$@" "$work/file"
    local status=0
    finish in || status=$?
    touch "$work/done"
    [ $status -ne 0 ] || finish out || fail "the sender: $(<"$work/out.log")"
    stop out
    finish writer || fail "the writer: $(<"$work/writer.log")"
    return $status
}

must_fail rewritten 50 -u tls -z
grep -Eq '^(failed tag|wrong bytes)' "$work/in.log" ||
    fail "no bad record with TLS_TX_ZEROCOPY_RO: $(<"$work/in.log")"
say "the kernel's own: $(<"$work/in.log")"
is_gt "$(nic_stat tx_tls_encrypted_bytes)" 0 "bytes by the device"

# Not so often, or the file would not be guarded again.
rewritten 1000
say "linetls: $(tail -n 1 "$work/in.log"), $(<"$work/out.log")"
say "$(<"$work/writer.log")"
is_gt "$(sender_count out zerocopy)" 0 "zero-copy"
is_gt "$(ulp_stat LinetlsGuardBreaks)" 0 "writers"
is_eq "$(ulp_stat LinetlsGuardTorn)" 0 "pages that could not be detached"
no_drops
unload
