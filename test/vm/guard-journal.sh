#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# kernels: 6.1
#
# Pages that look clean, and that the file system's journal holds on to when a
# writer comes, are detached: the journal is written first. Newer kernels keep
# such pages dirty, so that they are copied.
set -eu
# shellcheck source=test/vm/lib-guard.sh disable=SC2119
. "$(dirname "$0")/lib-guard.sh"

need chattr
ulp_begin
make_fs ext4
# data=journal for new files, written by nobody but us.
mount -o remount,nodelalloc,commit=600 "$work/ext4"
chattr +j "$work/ext4"

write_file -S 256 "$work/ext4/file" create
held_downloads "$work/ext4/file"
write_file -S 256 "$work/ext4/file" rewrite
say "$(tail -n 1 "$work/write.log")"
is_eq "$(ulp_stat LinetlsGuardTorn)" 0 "pages that could not be detached"
held_released
no_drops
wait_idle
umount "$work/ext4"
unload
