#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The writer comes at every step of a connection's life: between any two calls of
# the sender, with records open, queued, under way and sent again, keys that
# change, and after close(). What was sent of the file before is what arrives.
set -eu
# shellcheck source=test/vm/lib-guard.sh disable=SC2119
. "$(dirname "$0")/lib-guard.sh"

ulp_begin
mkdir "$work/files"
# All is under way when the writer comes, and a part of it is lost later on. The
# device reads from the record's first byte for each packet.
echo 1 >"/sys/kernel/debug/linetls_nic/$TLS_DEV/force_resync"
far_netem delay 30ms loss 3%
wire_segments 1
while read -r keys; do
    breaks=$(ulp_stat LinetlsGuardBreaks)
    # shellcheck disable=SC2086
    srv "$tools/ulp_faults" writers "$CLI4" /run/netns/cli "$work/files" \
        $keys || fail "$keys"
    # All but those before the announcement.
    is_gt "$(ulp_stat LinetlsGuardBreaks)" $((breaks + 10)) "writers"
    rm "$work/files"/*
done <<'END'
1.2 gcm256 0
1.3 gcm128 0
1.3 gcm128 1
END
is_eq "$(ulp_stat LinetlsGuardTorn)" 0 "pages that could not be detached"
is_gt "$(ulp_stat LinetlsZerocopyBytes)" 500000 "zero-copy"
no_drops
wait_idle
unload
