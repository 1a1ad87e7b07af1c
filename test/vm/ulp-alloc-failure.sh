#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# kernels: debug
# timeout: 600
#
# Memory is missing: at each allocation of each call of a connection, of a
# linetls_nic and of loading the modules, one after the other; then at random
# wherever the kernel can't wait for it. What a call has taken arrives, complete
# and right, or the call fails and succeeds when it is made again.
set -eu
# shellcheck source=test/vm/lib-ulp.sh
. "$(dirname "$0")/lib-ulp.sh"

faults=/sys/kernel/debug

# fault_set TYPE NAME VALUE
fault_set() {
    echo "$3" >"$faults/$1/$2"
}

# set_both NAME VALUE
set_both() {
    fault_set failslab "$1" "$2"
    fault_set fail_page_alloc "$1" "$2"
}

# Those that may sleep, too; by one task alone, or else by anybody.
all_allocations() {
    set_both ignore-gfp-wait N
}

atomic_allocations() {
    set_both ignore-gfp-wait Y
}

# nic_thread: the pid of the one that is tls0's device.
nic_thread() {
    local comm
    for comm in /proc/[0-9]*/comm; do
        [ "$(cat "$comm" 2>/dev/null)" != linetls/tls0 ] || break
    done
    comm=${comm%/comm}
    echo "${comm#/proc/}"
}

# run_faults [srv] ARGS
run_faults() {
    local in=()
    if [ "$1" = srv ]; then
        in=(nsenter --net=/run/netns/srv)
        shift
    fi
    say "--- $*"
    "${in[@]}" "$tools/ulp_faults" "$@" || fail "ulp_faults $*"
}

for type in failslab fail_page_alloc fail_usercopy; do
    fault_set $type verbose 0
done
fault_set fail_page_alloc min-order 0
set_both times -1
all_allocations

# What they depend on stays.
modprobe -a tls linetls linetls_nic
rmmod linetls linetls_nic
for module in linetls linetls_nic; do
    run_faults module "$(modinfo -n $module)" $module
done

ulp_begin
srv ip link add low type dummy
srv ip link set low up
run_faults srv link low tls1
mkdir "$work/files" "$work/files-software"
set_both task-filter Y
set_both probability 100
run_faults srv calls "$CLI4" /run/netns/cli "$work/files" 1.3 gcm128 0
run_faults srv calls "$CLI4" /run/netns/cli "$work/files-software" 1.2 gcm256 1

# The device's own.
echo 1 >"/proc/$(nic_thread)/make-it-fail"
set_both probability 10
transfer 1.3 128 1000000
set_both probability 0
set_both task-filter N
is_gt "$(nic_stat tx_tls_drop_no_mem)" 0 "packets that the device dropped"

# Those of ACKs and timers.
atomic_allocations
set_both probability 5
transfer 1.3 128 1000000
transfer 1.2 256 1000000 -m 1
set_both probability 0
is_gt "$(ulp_stat LinetlsDropMemory)" 0 "packets that the edge dropped"

wait_idle
unload
