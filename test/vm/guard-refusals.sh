#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What can't be guarded is refused, each with its errno and its reason, in the
# connection's status and in the counters; what can be is not.
set -eu
# shellcheck source=test/vm/lib-guard.sh
. "$(dirname "$0")/lib-guard.sh"

need fuse-overlayfs
ulp_begin plain
parameters=/sys/module/linetls/parameters

# says "ERRNO REASON" STEP...: what the last of these announcements gets.
says() {
    local want=$1 line
    shift
    line=$("${as[@]}" "$tools/guard_announce" "$@" | tail -n 1) ||
        fail "guard_announce"
    is_eq "${line#* }" "$want" "announced: $*"
}
as=()

# Descriptors.
make_guarded "$work/file" 4
file=$work/file
says "ok 1" "r:$file"
says "ok 0" "r:$file" fd:-1
says "ENOTCONN -1" nokeys:
says "EINVAL 1" "r:$file" len:3
says "EINVAL 1" "r:$file" len:8
says "EBADF 3" fd:-2
says "EBADF 3" fd:999
says "EBADF 3" "p:$file"
says "EBADF 3" "w:$file"
says "EISDIR 4" "r:$work"
says "EINVAL 5" pipe:
says "EINVAL 5" sock:
says "EINVAL 5" r:/dev/null
says "EINVAL 5" r:/dev/vda

# Who may not read a file can have it by O_PATH only.
chmod 755 "$work"
chmod 600 "$file"
as=(setpriv --reuid=65534 --clear-groups)
says "EBADF 3" "p:$file"
as=()

# File systems.
for type in xfs btrfs; do
    make_fs $type
    make_guarded "$work/$type/file" 4
    says "ok 1" "r:$work/$type/file"
done
mkdir "$work/tmpfs"
mount -t tmpfs none "$work/tmpfs"
echo >"$work/tmpfs/file"
says "EOPNOTSUPP 6" "r:$work/tmpfs/file"
says "EOPNOTSUPP 6" r:/proc/version
says "EOPNOTSUPP 6" r:/sys/kernel/uevent_seqnum
says "EOPNOTSUPP 6" memfd:
says "EOPNOTSUPP 6" memfd:sealed
umount "$work/tmpfs"
# A share of the host's, by 9p.
says "EOPNOTSUPP 6" r:/run/linetls/config

# An overlay's file is that of its layer. Here / is one over 9p.
says "EOPNOTSUPP 6" r:/etc/passwd
mkdir "$work/lower" "$work/upper" "$work/overlay" "$work/w"
make_guarded "$work/lower/file" 4
mount -t overlay none "$work/overlay" -o \
    "lowerdir=$work/lower,upperdir=$work/upper,workdir=$work/w"
make_guarded "$work/overlay/upper" 4
modprobe fuse
mkdir "$work/fuse"
fuse-overlayfs -o "lowerdir=$work/lower" "$work/fuse"
says "EOPNOTSUPP 6" "r:$work/fuse/file"
umount "$work/fuse"
says "ok 1" "r:$work/overlay/file"
says "ok 1" "r:$work/overlay/upper"
says "EOPNOTSUPP 6" "r:$work/overlay/file" "r:$work/lower/file"

# On a disk that is memory there is no page cache. The debug kernel has none.
reasons=(Guarded Descriptor Directory NotRegular Filesystem Swap Writer Recent
    Lease Mount Limit)
if [ "$LINETLS_KERNEL" != debug ]; then
    modprobe -a nd_e820 nd_pmem
    mkfs.ext4 -q -b 4096 /dev/pmem0
    mkdir "$work/dax"
    mount -o dax /dev/pmem0 "$work/dax"
    make_guarded "$work/dax/file" 4
    says "EOPNOTSUPP 7" "r:$work/dax/file"
    umount "$work/dax"
    reasons+=(Dax)
fi

# Writers, there and gone. A file that was guarded is not at once again.
says "ETXTBSY 9" "W:$file" "r:$file"
says "ETXTBSY 9" "r:$file" "m:$file" "r:$file"
says "ETXTBSY 9" "W:$work/overlay/upper" "r:$work/overlay/upper"
says "ETXTBSY 9" "W:$work/overlay/upper" "r:$work/upper/upper"
make_guarded "$work/third" 4
says "ok 1" "W:$work/third" u: "m:$work/third" u: "r:$work/third"
says "EAGAIN 10" "r:$work/third" "o:$work/third" "r:$work/third"

# Swap, immutable, on a read-only mount.
truncate -s 8M "$work/swap"
chmod 600 "$work/swap"
dd if=/dev/zero of="$work/swap" bs=1M count=8 status=none
mkswap "$work/swap" >/dev/null 2>&1
swapon "$work/swap"
says "EOPNOTSUPP 8" "r:$work/swap"
swapoff "$work/swap"
make_guarded "$work/immutable" 4
chattr +i "$work/immutable"
says "ok 1" "r:$work/immutable"
chattr -i "$work/immutable"
mkdir "$work/ro"
make_guarded "$work/ro-file" 4
mount --bind "$work" "$work/ro"
mount -o remount,bind,ro "$work/ro"
says "ok 1" "r:$work/ro/ro-file"
says "EAGAIN 10" "r:$work/ro/ro-file" "o:$work/ro-file" "r:$work/ro/ro-file"
umount "$work/ro"

# With fs-verity.
make_fs ext4 -b 4096 -O verity
make_guarded "$work/ext4/verity" 4
says "ok 1" "v:$work/ext4/verity" "r:$work/ext4/verity"
umount "$work/ext4"
rmdir "$work/ext4"

# Who holds an exclusive lease, and keeps it, holds up nobody.
make_guarded "$work/second" 4
make_guarded "$work/leased" 4
start=$SECONDS
says "ENOLCK 11" "l:$work/leased"
says "ok 1" "r:$work/second"
is_le $((SECONDS - start)) $(($(</proc/sys/fs/lease-break-time) / 3)) "seconds"

# Larger than what may be in flight can be counted for.
truncate -s 2T "$work/xfs/large"
says "EFBIG 13" "r:$work/xfs/large"
truncate -s 7E "$work/xfs/large"
says "EFBIG 13" "r:$work/xfs/large"
truncate -s 1T "$work/xfs/large"
says "EFBIG 13" "r:$work/xfs/large"
truncate -s 1023G "$work/xfs/large"
says "ok 1" "r:$work/xfs/large"

# Leases, limits, mounts of others.
make_guarded "$work/unwritten" 4
echo 0 >/proc/sys/fs/leases-enable
says "ENOLCK 11" "r:$work/unwritten"
echo 1 >/proc/sys/fs/leases-enable
echo 0 >$parameters/guard_files
says "ENFILE 13" "r:$work/unwritten"
echo 65536 >$parameters/guard_files
says "ok 1" "r:$work/unwritten"
make_fs ext4 -O ^has_journal
make_guarded "$work/ext4/file" 4
exec 5<"$work/ext4/file"
line=$(unshare -m "$tools/guard_announce" fd:5)
exec 5<&-
is_eq "$line" "fd:5 EXDEV 12" "of another mount namespace"

anchor=/proc/self
for name in "${reasons[@]}"; do
    is_gt "$(ulp_stat "LinetlsFile$name")" 0 "LinetlsFile$name"
done
umount "$work/overlay" "$work/xfs" "$work/btrfs" "$work/ext4"
unload
