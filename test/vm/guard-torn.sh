#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# kernels: debug
#
# Pages in flight can't be detached when their writer comes, by a fault that is
# made here. No byte of them leaves any more: their connections fail, and no
# client gets what the writer has written under the tag of what was there.
set -eu
# shellcheck source=test/vm/lib-guard.sh disable=SC2119
. "$(dirname "$0")/lib-guard.sh"

ulp_begin
fault=/sys/kernel/debug/linetls_fail_detach
make_guarded "$work/file" 256
held_downloads "$work/file"
echo 0 >$fault/verbose
echo -1 >$fault/times
echo 100 >$fault/probability
write_file -S 256 "$work/file" rewrite
is_eq "$(ulp_stat LinetlsGuardTorn)" 1 "guards with pages that were left"

touch "$work/go"
status=0
finish out || status=$?
is_eq $status $((128 + $(kill -l PIPE))) "the end of the sender, by EPIPE"
is_gt "$(ulp_stat LinetlsDropTorn)" 0 "packets that were held back"
all_read() {
    ! cli ss -Htn state established "sport = :$ulp_port" | grep -qv '^0 '
}
wait_for all_read
running in || fail "the receiver failed: $(<"$work/in.log")"
stop in KILL

# The next one is whole again.
echo 0 >$fault/probability
make_guarded "$work/next" 256
held_downloads "$work/next"
write_file -S 256 "$work/next" rewrite
held_released
is_eq "$(ulp_stat LinetlsGuardTorn)" 1 "guards with pages that were left"
wait_idle 60
unload
