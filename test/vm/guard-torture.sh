#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
#
# Downloads, slow and fast, over a bad wire, of files that are changed in every
# way, on every file system: each byte is of a version that the file had, and
# no tag fails. LINETLS_TORTURE=N: N changes of each file, and more connections.
set -eu
# shellcheck source=test/vm/lib-guard.sh disable=SC2119
. "$(dirname "$0")/lib-guard.sh"

ops=(create rewrite page append truncate shrink replace mmap direct punch zero
    reflink chmod unlink)
changes=${LINETLS_TORTURE:-15}
jobs=${LINETLS_TORTURE_JOBS:-16}
seed=${LINETLS_TORTURE_SEED:-1}
pages=64

ulp_begin
make_fs xfs -m reflink=1
make_fs btrfs
mkdir "$work"/{tmpfs,ext4,upper,lower,overlay,w,other}
mount -t tmpfs none "$work/tmpfs"
mount -t overlay none "$work/overlay" -o \
    "lowerdir=$work/lower,upperdir=$work/upper,workdir=$work/w"
files=()
for fs in ext4 xfs btrfs tmpfs overlay; do
    write_file -S $pages "$work/$fs/file" create
    files+=("$work/$fs/file")
done
mount --bind "$work/ext4" "$work/other"
files+=("$work/other/file")
sync

wire_segments 1
wire_netem delay 2ms loss 3% reorder 3%
downloads_start slow 1000000 -b 16384 -r 100 -H
downloads_send sending -n 1000000 -j "$jobs" -s "$seed" -e "$work/enough" \
    "${files[@]}"
for fs in ext4 xfs btrfs tmpfs overlay; do
    background "writer-$fs" "$guard_write" -v "$versions" -n "$changes" \
        -s "$seed" -S $pages -d 1500 "$work/$fs/file" "${ops[@]}"
done
total=0
for fs in ext4 xfs btrfs tmpfs overlay; do
    finish "writer-$fs" || fail "writer-$fs: $(<"$work/writer-$fs.log")"
    say "$fs: $(tail -n 1 "$work/writer-$fs.log")"
    total=$((total + changes))
    running slow || fail "the receiver: $(<"$work/slow.log")"
done
: >"$work/enough"
finish sending || fail "the sender: $(<"$work/sending.log")"
running slow || fail "the receiver: $(<"$work/slow.log")"
say "$total changes, seed $seed: $(<"$work/sending.log")"
is_gt "$(sender_count sending guarded)" 0 "announcements"
is_gt "$(sender_count sending refused)" 0 "refusals"
is_gt "$(sender_count sending zerocopy)" 100000 "zero-copy"
is_gt "$(ulp_stat LinetlsGuardBreaks)" 0 "writers"
is_eq "$(ulp_stat LinetlsGuardTorn)" 0 "pages that could not be detached"
wait_idle 60
running slow || fail "the receiver: $(<"$work/slow.log")"
stop slow
no_drops
umount "$work/other" "$work/overlay" "$work/tmpfs" "$work/xfs" "$work/btrfs"
unload
