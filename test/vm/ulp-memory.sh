#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# kernels: 6.1
#
# 100,000 records of one byte stay within the send buffer, whatever its size,
# with all that they take, and a memory cgroup is charged for them.
set -eu
# shellcheck source=test/vm/lib-ulp.sh
. "$(dirname "$0")/lib-ulp.sh"

group=/sys/fs/cgroup/sending

ulp_begin
echo +memory >/sys/fs/cgroup/cgroup.subtree_control
for mode in 0 1; do
    mkdir $group
    srv bash -c "echo \$\$ >$group/cgroup.procs
        exec $tools/ulp_send -m $mode /run/netns/cli $CLI4 1.3 gcm128 \
            small_records" >"$work/send.log" 2>&1 || fail "$(<"$work/send.log")"
    grep -q '^cases 1 failed 0$' "$work/send.log" ||
        fail "$(<"$work/send.log")"
    grep '^memory' "$work/send.log"
    is_gt "$(<$group/memory.peak)" 16000000 "bytes charged to the cgroup"
    wait_idle 60
    rmdir $group
done
no_drops
unload
