#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# kernels: debug
# timeout: 600
#
# Memory is missing when a file is announced, and when a writer opens it: at each
# allocation of either call, one after the other, on every file system. An
# announcement fails with the reason, and succeeds when it is made again; what
# was sent arrives, complete and of the right version.
set -eu
# shellcheck source=test/vm/lib-guard.sh disable=SC2119
. "$(dirname "$0")/lib-guard.sh"
# shellcheck source=test/vm/lib-fault.sh
. "$(dirname "$0")/lib-fault.sh"

ulp_begin
make_fs xfs
make_fs btrfs
mkdir "$work"/{ext4,upper,lower,overlay,w}
mount -t overlay none "$work/overlay" -o \
    "lowerdir=$work/lower,upperdir=$work/upper,workdir=$work/w"

fault_begin
fault_all_allocations
faults Y task-filter
faults 100 probability
for fs in ext4 xfs btrfs overlay; do
    before=$(ulp_stat LinetlsFileMemory) breaks=$(ulp_stat LinetlsGuardBreaks)
    srv "$tools/ulp_faults" calls "$CLI4" /run/netns/cli "$work/$fs" 1.3 \
        gcm128 0 file writer || fail "on $fs"
    is_gt "$(ulp_stat LinetlsFileMemory)" "$before" "announcements refused"
    is_gt "$(ulp_stat LinetlsGuardBreaks)" "$breaks" "writers"
done
fault_show
fault_end
is_eq "$(ulp_stat LinetlsGuardTorn)" 0 "pages that could not be detached"
is_gt "$(ulp_stat LinetlsZerocopyBytes)" 0 "zero-copy"
wait_idle
umount "$work/overlay" "$work/xfs" "$work/btrfs"
unload
