# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# What the tests of sending share, on top of lib-ulp.sh: ulp_send and the file
# systems that it sends files from.

# shellcheck source=test/vm/lib-ulp.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib-ulp.sh"
need mkfs.xfs

# send_begin: file systems, the topology, TCP Fast Open without a cookie, and a
# route on which what TCP holds back until a timer fires comes too late.
send_begin() {
    local ns
    mkdir "$work/ext4" "$work/xfs" "$work/tmpfs"
    truncate -s 400M "$work/xfs.img"
    mkfs.xfs -q "$work/xfs.img"
    modprobe -a loop xfs
    mount -o loop "$work/xfs.img" "$work/xfs"
    mount -t tmpfs tmpfs "$work/tmpfs"
    ulp_begin
    for ns in srv cli; do
        $ns sysctl -qw net.ipv4.tcp_fastopen=1543
    done
    srv ip route change 10.7.0.0/24 dev tls0 src "$SRV4" rto_min 20s
}

# send_cases HOST VERSION CIPHER MODE [CASES]
send_cases() {
    local host=$1 version=$2 cipher=$3 mode=$4
    shift 4
    srv "$tools/ulp_send" -m "$mode" -d "$work/ext4" -d "$work/xfs" \
        -d "$work/tmpfs" /run/netns/cli "$host" "$version" "$cipher" "$@" \
        >"$work/send.log" 2>&1 ||
        fail "$host $version $cipher mode $mode: $(<"$work/send.log")"
    grep -q '^cases [1-9][0-9]* failed 0$' "$work/send.log" ||
        fail "$(<"$work/send.log")"
}

send_end() {
    no_drops
    umount "$work/xfs" "$work/tmpfs"
    wait_idle 60
    unload
}
