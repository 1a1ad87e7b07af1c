#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A writer comes while slow clients have a file's pages in flight: open() does
# not wait for the clients, each of which gets what was sent to it, under loss.
# The file is guarded again when the writer has been away for a while.
set -eu
# shellcheck source=test/vm/lib-guard.sh disable=SC2119
. "$(dirname "$0")/lib-guard.sh"

ulp_begin
make_guarded "$work/file" 256

# The most that a writer has waited, in us.
wait_max() {
    local line
    line=$(tail -n 1 "$work/write.log")
    echo "${line##* }"
}

for op in rewrite shrink punch mmap; do
    held_downloads "$work/file"
    breaks=$(ulp_stat LinetlsGuardBreaks)
    write_file -S 256 "$work/file" $op
    say "$op: writer waited $(wait_max) us at most"
    is_le "$(wait_max)" 2000000 "us that a writer waited"
    is_gt "$(ulp_stat LinetlsGuardBreaks)" "$breaks" "breaks, by $op"
    write_file -S 256 "$work/file" rewrite
    wire_netem loss 3% delay 2ms
    held_released
    wire_clean
    is_gt "$(sender_count out copied)" 500000 "copied after $op"
    sync "$work/file"
    # Guarded again: not at once.
    again() {
        downloads_start in 1
        downloads_send out -n 1 -o "$work/file"
        downloads_end in out
        [ "$(sender_count out guarded)" -eq 1 ]
    }
    wait_for -t 60 again
    is_eq "$(sender_count out copied)" 0 "copied when guarded again"
done
is_eq "$(ulp_stat LinetlsGuardTorn)" 0 "pages that could not be detached"
is_eq "$(ulp_stat LinetlsDropTorn)" 0 "packets of them"
no_drops
unload
