#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A guard is in nobody's way: its file system can be unmounted and its disk
# formatted while clients still have to get what was sent of it, or goes with its
# mount namespace; the guard goes when it is not used, when memory is wanted, and
# with the module.
set -eu
# shellcheck source=test/vm/lib-guard.sh disable=SC2119
. "$(dirname "$0")/lib-guard.sh"

ulp_begin
echo 10000 >/sys/module/linetls/parameters/guard_idle

# Closed connections whose data nobody reads.
truncate -s 100M "$work/disk"
modprobe loop
disk=$(losetup -f --show "$work/disk")
mkfs.ext4 -q "$disk"
mkdir "$work/mnt"
mount "$disk" "$work/mnt"
make_guarded "$work/mnt/file" 48
downloads_start in 4 -b 20000 -w "$work/go"
downloads_send out -n 4 -j 4 -b 400000 -o "$work/mnt/file"
finish out || fail "the sender failed: $(<"$work/out.log")"
is_eq "$(sender_count out copied)" 0 "copied"
is_eq "$(ulp_stat LinetlsGuards)" 1 "guards"
is_gt "$(ulp_stat LinetlsRecordsTracked)" 16 "records in flight"

umount "$work/mnt"
wait_for -t 20 no_guards
formatted() { mkfs.ext4 -q -F "$disk"; }
wait_for -t 20 formatted
is_gt "$(ulp_stat LinetlsRecordsTracked)" 16 "records in flight, formatted"
wire_netem loss 2% delay 1ms
touch "$work/go"
finish in || fail "the receiver failed: $(<"$work/in.log")"
wire_clean

# The mount namespace that a file was announced in ends.
unshare -m bash -c "mount '$disk' '$work/mnt' && echo >'$work/mnt/file' &&
    sync '$work/mnt/file' && '$tools/guard_announce' 'r:$work/mnt/file'" \
    >"$work/announced"
is_eq "$(<"$work/announced")" "r:$work/mnt/file ok 1" "in a mount namespace"
wait_for -t 20 no_guards
wait_for -t 20 formatted

# An overlay on that file system, and then the file system itself.
mount "$disk" "$work/mnt"
mkdir "$work/mnt/lower" "$work/mnt/other" "$work/overlay"
make_guarded "$work/mnt/lower/file" 16
mount -t overlay none "$work/overlay" -o \
    "lowerdir=$work/mnt/lower:$work/mnt/other"
"$tools/guard_announce" "r:$work/overlay/file" >"$work/announced"
is_eq "$(<"$work/announced")" "r:$work/overlay/file ok 1" "on an overlay"
is_eq "$(ulp_stat LinetlsGuards)" 1 "guards"
umount "$work/overlay"
umount "$work/mnt"
wait_for -t 20 no_guards
wait_for -t 20 formatted
losetup -d "$disk"

# Memory is wanted: what nobody uses goes.
make_guarded "$work/file" 16
download() {
    downloads_start in 1
    downloads_send out -n 1 "$work/file"
    downloads_end in out
}
download
is_eq "$(ulp_stat LinetlsGuards)" 1 "guards"
dropped() {
    echo 2 >/proc/sys/vm/drop_caches
    no_guards
}
wait_for dropped

# Nobody has used it for so many seconds.
download
echo 1 >/sys/module/linetls/parameters/guard_idle
wait_for no_guards
echo 10000 >/sys/module/linetls/parameters/guard_idle

# The module goes, and the file is nobody's.
download
is_eq "$(ulp_stat LinetlsGuards)" 1 "guards"
wait_idle
unload
write_file -S 16 "$work/file" rewrite
