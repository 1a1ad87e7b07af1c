#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A writer comes while slow clients have a file's pages in flight: open() does
# not wait for the clients, each of which gets what was sent to it, under loss.
# The file is guarded again when the writer has been away for a while.
set -eu
# shellcheck source=test/vm/lib-guard.sh
. "$(dirname "$0")/lib-guard.sh"

ulp_begin
make_guarded "$work/file" 256

# held_downloads: 4 of them, all sockets full, none of them read.
held_downloads() {
    rm -f "$work/full" "$work/go"
    downloads_start in 4 -b 20000 -w "$work/go"
    downloads_send out -m 0 -n 4 -j 4 -f "$work/full" -o "$work/file"
    wait_for -t 60 test -e "$work/full"
}

# The most that a writer has waited, in us.
wait_max() {
    local line
    line=$(tail -n 1 "$work/write.log")
    echo "${line##* }"
}

for op in rewrite shrink punch mmap; do
    held_downloads
    breaks=$(ulp_stat LinetlsGuardBreaks)
    is_eq "$(ulp_stat LinetlsGuards)" 1 "guards, before $op"
    write_file -S 256 "$work/file" $op
    say "$op: writer waited $(wait_max) us at most"
    is_le "$(wait_max)" 2000000 "us that a writer waited"
    is_gt "$(ulp_stat LinetlsGuardBreaks)" "$breaks" "breaks, by $op"
    write_file -S 256 "$work/file" rewrite
    wire_netem loss 3% delay 2ms
    touch "$work/go"
    downloads_end in out
    wire_clean
    is_eq "$(sender_count out guarded)" 4 "announcements"
    is_gt "$(sender_count out zerocopy)" 50000 "zero-copy before $op"
    is_gt "$(sender_count out copied)" 500000 "copied after $op"
    # A unit that zero-copy ends in may be of both.
    is_le "$(sender_count out zerocopy)" \
        $(($(log_field in '^responses .* old ([0-9]+)') + 64)) \
        "bytes by zero-copy, against those from before the writer"
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
