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
changes=${LINETLS_TORTURE:-10}
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
number=0
declare -A numbers
for fs in ext4 xfs btrfs tmpfs overlay; do
    numbers[$fs]=$((++number))
    write_file -N $number -S $pages "$work/$fs/file" create
    files+=("$work/$fs/file@$number")
done
mount --bind "$work/ext4" "$work/other"
files+=("$work/other/file@${numbers[ext4]}")
sync

# The device begins every third packet with the record's first byte: it reads what
# it has sent already again, and so sees any change.
echo 3 >"/sys/kernel/debug/linetls_nic/$TLS_DEV/force_resync"
wire_segments 1
wire_netem delay 2ms reorder 3%
downloads_start slow 1000000 -b 16384 -r 100 -H
downloads_send sending -n 1000000 -j "$jobs" -s "$seed" -e "$work/enough" \
    -v "$versions" "${files[@]}"
# Not so often that the file is hardly ever guarded again.
for fs in ext4 xfs btrfs tmpfs overlay; do
    background "writer-$fs" "$guard_write" -v "$versions" -n "$changes" \
        -s "$((seed + numbers[$fs]))" -N "${numbers[$fs]}" -S $pages -d 4000 \
        "$work/$fs/file" "${ops[@]}"
done

# 200 records later, or never.
moved_on() {
    ! running slow || grew LinetlsRecords "$records"
}

# weather: the wire loses 0 to 10 %, in turn, until the writers are through
weather() {
    local loss fs
    while :; do
        for loss in 1 3 10 0; do
            wire_netem delay 2ms loss $loss% reorder 3%
            records=$(($(ulp_stat LinetlsRecords) + 200))
            wait_for -t 120 moved_on
            running slow || fail "the receiver: $(<"$work/slow.log")"
            for fs in ext4 xfs btrfs tmpfs overlay; do
                ! running "writer-$fs" || continue 2
            done
            return
        done
    done
}

weather
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
