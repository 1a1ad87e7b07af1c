#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# An announced file is sent without a copy, by the device and in software, on a
# clean and on a bad wire; one that is not announced is copied. The guard goes
# when nobody uses it.
set -eu
# shellcheck source=test/vm/lib-guard.sh
. "$(dirname "$0")/lib-guard.sh"

ulp_begin
echo 1 >/sys/module/linetls/parameters/guard_idle
make_guarded "$work/file" 256
bytes=$((256 * 4096))

# sent_by MODE RESPONSES [OPTIONS]
sent_by() {
    local mode=$1 n=$2
    shift 2
    downloads_start in "$n"
    downloads_send out -m "$mode" -n "$n" -j 4 "$@" "$work/file"
    downloads_end in out
}

for mode in 0 1; do
    sent_by "$mode" 4 -o
    is_eq "$(sender_count out guarded)" 4 "announcements, mode $mode"
    is_eq "$(sender_count out zerocopy)" $((4 * bytes)) "zero-copy, mode $mode"
    is_eq "$(sender_count out copied)" 0 "copied, mode $mode"
    sent_by "$mode" 2 -o -a
    is_eq "$(sender_count out zerocopy)" 0 "zero-copy, not announced"
    is_eq "$(sender_count out copied)" $((2 * bytes)) "copied, not announced"
done
is_eq "$(ulp_stat LinetlsZerocopyBytes)" $((8 * bytes)) "all by zero-copy"
is_eq "$(ulp_stat LinetlsCopiedBytes)" $((4 * bytes)) "all by copy"
is_eq "$(ulp_stat LinetlsFileGuarded)" 8 "announcements"

far_netem delay 1ms loss 2% reorder 5% duplicate 1%
wire_netem_back loss 1%
wire_segments 1
for mode in 0 1; do
    sent_by "$mode" 6
    is_gt "$(sender_count out zerocopy)" $bytes "zero-copy, bad wire"
    is_eq "$(sender_count out copied)" 0 "copied, bad wire"
done
far_clean
wire_clean
is_gt "$(nic_stat tx_tls_resync)" 0 "resyncs"

is_eq "$(ulp_stat LinetlsGuardBreaks)" 0 "writers"
wait_for no_guards
no_drops
wait_idle
unload
