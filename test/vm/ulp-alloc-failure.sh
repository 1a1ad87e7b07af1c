#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# kernels: debug
# timeout: 600
#
# Memory is missing in the life of connections: at each allocation of each call,
# one after the other; then at random in the device's thread, and wherever the
# kernel can't wait for it. What a call has taken arrives, complete and right,
# or the call fails and succeeds when it is made again.
set -eu
# shellcheck source=test/vm/lib-ulp.sh
. "$(dirname "$0")/lib-ulp.sh"
# shellcheck source=test/vm/lib-fault.sh
. "$(dirname "$0")/lib-fault.sh"

# nic_thread: the pid of the one that is tls0's device.
nic_thread() {
    local comm
    for comm in /proc/[0-9]*/comm; do
        [ "$(cat "$comm" 2>/dev/null)" != linetls/tls0 ] || break
    done
    comm=${comm%/comm}
    echo "${comm#/proc/}"
}

# calls DIR VERSION CIPHER MODE: what ulp_faults makes.
calls() {
    say "$SECONDS s: calls of TLS $2, $3, mode $4"
    mkdir "$work/$1"
    nsenter --net=/run/netns/srv "$tools/ulp_faults" calls "$CLI4" \
        /run/netns/cli "$work/$1" "${@:2}" || fail "calls of TLS $2"
    fault_show
}

# meanwhile COUNTER VERSION BITS [OPTIONS]: a transfer that has no memory at times,
# but at its end: a FIN for which TCP has none is lost for good.
meanwhile() {
    rm -f "$work/enough"
    receive in "$2" "$3"
    transmit out "$2" "$3" 100000 -w "$work/enough" "${@:4}"
    wait_growth "$1" 5
    faults 5 probability
    wait_growth "$1" 500
    faults 0 probability
    touch "$work/enough"
    pair_done in out
}

ulp_begin
modprobe tls
fault_begin
fault_all_allocations
faults Y task-filter
faults 100 probability
calls device 1.3 gcm128 0
calls software 1.2 gcm256 1

say "$SECONDS s: the device's own"
echo 1 >"/proc/$(nic_thread)/make-it-fail"
faults 10 probability
transfer 1.3 128 1000000
faults 0 probability
faults N task-filter
fault_show
is_gt "$(nic_stat tx_tls_drop_no_mem)" 0 "packets that the device dropped"

say "$SECONDS s: those of ACKs and timers"
fault_atomic_allocations
meanwhile LinetlsDevicePackets 1.3 128
meanwhile LinetlsSoftwarePackets 1.2 256 -m 1
fault_show
is_gt "$(ulp_stat LinetlsDropMemory)" 0 "packets that the edge dropped"

fault_end
wait_idle
unload
