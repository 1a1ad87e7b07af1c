#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What is copied although the file is guarded: pages that somebody has pinned,
# and can write to without a file, those that are yet to be written to the disk,
# and what is beyond the limit of pages in flight. Each is counted.
set -eu
# shellcheck source=test/vm/lib-guard.sh disable=SC2119
. "$(dirname "$0")/lib-guard.sh"

ulp_begin
parameters=/sys/module/linetls/parameters

# download FILE: what is sent of it by zero-copy is in $zerocopy
download() {
    downloads_start in 1
    downloads_send out -n 1 -o "$1"
    downloads_end in out
    is_eq "$(sender_count out guarded)" 1 "announcements"
    zerocopy=$(sender_count out zerocopy)
}

# slow_disk: one that takes 20 s for anything, $disk
slow_disk() {
    local host=/sys/bus/pseudo/drivers/scsi_debug
    modprobe sd_mod && modprobe scsi_debug dev_size_mb=8 || skip "no slow disk"
    there() { compgen -G "$host/adapter0/host*/target*/*/block/*" >/dev/null; }
    wait_for there
    disk=/dev/$(basename "$(compgen -G "$host/adapter0/host*/target*/*/block/*")")
    wait_for test -b "$disk"
    echo $((20 * 250)) >$host/delay
}

# Linux 6.1 lets AF_XDP pin a file's pages, and direct I/O does not pin them.
make_guarded "$work/pinned" 32
if [ "$LINETLS_KERNEL" != 6.12 ]; then
    step="x:$work/pinned"
else
    slow_disk
    step="d:$disk,$work/pinned"
fi
background pin "$tools/guard_announce" "$step" stay:
wait_for log_has pin staying
# It has made them dirty, and its reads go around the cache.
sync "$work/pinned"
download "$work/pinned"
is_eq "$zerocopy" 0 "zero-copy of pinned pages"
is_gt "$(ulp_stat LinetlsCopyPinned)" 0 "LinetlsCopyPinned"
stop pin KILL
# For an io_uring the kernel pins anonymous memory alone.
status=0
"$tools/guard_announce" "i:$work/pinned" 2>"$work/error" || status=$?
is_eq $status 1 "a buffer of io_uring: $(<"$work/error")"

# The announcement has a part of them written; all are before long.
write_file -S 4096 "$work/dirty" create
download "$work/dirty"
is_gt "$(ulp_stat LinetlsCopyDirty)" 0 "LinetlsCopyDirty"
dirty_bytes=$(sender_count out copied)
is_gt "$dirty_bytes" 0 "copied of what is dirty"
sync "$work/dirty"
download "$work/dirty"
is_gt "$zerocopy" $((4096 * 4096 - 1)) "zero-copy of what was written"

# A chunk of 16 pages may be in flight, and is; the next may not.
make_guarded "$work/file" 32
echo 16 >$parameters/guard_pages
download "$work/file"
is_gt "$zerocopy" 0 "zero-copy within the limit"
is_le "$zerocopy" $((31 * 4096)) "zero-copy within the limit"
is_gt "$(ulp_stat LinetlsCopyLimit)" 0 "LinetlsCopyLimit"
no_drops
unload
