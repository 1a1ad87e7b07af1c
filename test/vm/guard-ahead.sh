#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# needs: long
#
# A peer acknowledges what the device has yet to send, and then the file is
# rewritten. The packets in the device keep the bytes that they had.
set -eu
# shellcheck source=test/vm/lib-guard.sh disable=SC2119
. "$(dirname "$0")/lib-guard.sh"

ulp_begin
pages=64
pause=/sys/kernel/debug/linetls_nic/$TLS_DEV/pause
# All of it comes at once, in the end.
echo 4000000 >/proc/sys/net/core/rmem_max

# But for the last ones: where they end is not known to the peer.
acknowledged() {
    [ "$(ulp_stat LinetlsRecordsTracked)" -le 2 ]
}

# gave_up: the sender has not got all of it into the device in time. The peer can
# miss where what was sent ends, and then nothing gets on.
gave_up() {
    ! ends_within 60 out || return 1
    stop in
    echo N >"$pause"
    stop out
    stop writer
    wait_idle
}

# rewritten FILE: it is, while the device has all of it. How long the first
# acknowledgement can have been ago by then, in us, is in $took.
rewritten() {
    local breaks before
    breaks=$(ulp_stat LinetlsGuardBreaks)
    make_guarded "$1" $pages
    rm -f "$work/go" "$work/write"
    background writer "$guard_write" -v "$versions" -w "$work/write" \
        -S $pages "$1" rewrite
    downloads_start in 1 -b 2000000 -A 400000 -w "$work/go"
    echo Y >"$pause"
    before=${EPOCHREALTIME/./}
    downloads_send out -n 1 -o "$1"
    ! gave_up || { took=60000000; return; }
    finish out || fail "the sender failed: $(<"$work/out.log")"
    is_eq "$(sender_count out copied)" 0 "copied"
    wait_for acknowledged
    : >"$work/write"
    finish writer || fail "the writer: $(<"$work/writer.log")"
    took=$((${EPOCHREALTIME/./} - before))
    is_eq "$(ulp_stat LinetlsGuardBreaks)" $((breaks + 1)) "writers"
    : >"$work/go"
    echo N >"$pause"
    finish in || fail "the receiver failed: $(<"$work/in.log")"
    wait_idle
}

# The guard minds what was acknowledged up to 2 s ago. A busy host may not get
# that far in the time.
for try in 1 2 3 4 5; do
    rewritten "$work/file.$try"
    [ "$took" -gt 1900000 ] || break
    say "the writer came after $took us"
done
[ "$took" -le 1900000 ] || skip "too slow to tell"
is_eq "$(log_field in '^responses .* old ([0-9]+)')" $((pages * 4096)) \
    "bytes from before the writer"
is_eq "$(ulp_stat LinetlsGuardTorn)" 0 "pages that could not be detached"
unload
