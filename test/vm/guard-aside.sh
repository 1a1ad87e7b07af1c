#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Those who change a file without opening it, and who hear of no plain lease:
# the NFS server's SETATTR, and overlayfs on the file of a layer. With the file
# in flight the former has its client try again, the latter fails, once; no byte
# in flight changes.
set -eu
# shellcheck source=test/vm/lib-guard.sh disable=SC2119
. "$(dirname "$0")/lib-guard.sh"

ulp_begin
mkdir "$work"/{export,nfs,lower,upper,overlay,w}

# nfs_serve DIR: as the root of an NFSv4 server on loopback. What exportfs and
# mountd would tell the kernel is told once.
nfs_serve() {
    local nfsd=/proc/fs/nfsd rpc=/proc/net/rpc forever=2147483647
    modprobe -a nfsd nfsv4 || skip "no NFS in the kernel"
    mountpoint -q $nfsd || mount -t nfsd nfsd $nfsd
    echo "nfsd 127.0.0.1 $forever test" >$rpc/auth.unix.ip/channel
    # insecure,no_subtree_check,fsid=0
    echo "test $1 $forever $((0x2 | 0x400 | 0x2000)) 65534 65534 0" \
        >$rpc/nfsd.export/channel
    printf '%s\n' "test 1 \x00000000 $forever $1" >$rpc/nfsd.fh/channel
    # Without state to recover clients from, SETATTR waits for this to be over.
    echo 10 >$nfsd/nfsv4gracetime
    echo 10 >$nfsd/nfsv4leasetime
    echo "-3" >$nfsd/versions
    echo "tcp 2049" >$nfsd/portlist
    echo 2 >$nfsd/threads
}

# in_flight FILE: 4 downloads that nobody reads
in_flight() {
    held_downloads "$1"
    breaks=$(ulp_stat LinetlsGuardBreaks)
}

# what_came: it is what was sent before the writer.
what_came() {
    is_gt "$(ulp_stat LinetlsGuardBreaks)" "$breaks" "breaks, $1"
    held_released
}

nfs_serve "$work/export"
mount -i -t nfs4 -o addr=127.0.0.1,clientaddr=127.0.0.1,vers=4.2 \
    127.0.0.1:/ "$work/nfs" || fail "NFS cannot be mounted"

mount -t overlay none "$work/overlay" -o \
    "lowerdir=$work/lower,upperdir=$work/upper,workdir=$work/w"
make_guarded "$work/upper/file" 256
in_flight "$work/upper/file"
must_fail "$guard_write" -v "$versions" -S 256 "$work/overlay/file" cut \
    2>"$work/error"
grep -q 'temporarily unavailable' "$work/error" ||
    fail "truncate() through the overlay: $(<"$work/error")"
cut_again() {
    "$guard_write" -v "$versions" -S 256 "$work/overlay/file" cut \
        >/dev/null 2>&1
}
wait_for cut_again
what_came "overlayfs"

make_guarded "$work/export/file" 256
in_flight "$work/export/file"
write_file -S 256 "$work/nfs/file" cut
say "NFS: $(tail -n 1 "$work/write.log")"
what_came "NFS SETATTR"

# The client's own files are not guarded: others can write to them.
line=$("$tools/guard_announce" "r:$work/nfs/file")
is_eq "${line#* }" "EOPNOTSUPP 6" "announced: NFS"

umount "$work/overlay" "$work/nfs"
echo 0 >/proc/fs/nfsd/threads
unload
