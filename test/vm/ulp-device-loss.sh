#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The device of a connection is lost in mid-transfer, in every way there is:
# the connection goes on in software over what remains, and says why.
#
#   namespace srv                           namespace cli
#   tls0 (linetls_nic)
#   eth0 -------------------veth----------- eth0
#   eth1 -------------------veth----------- eth1
#
# srv sends by tls0 as long as it is there, else by eth1; cli by eth1.
set -eu
# shellcheck source=test/vm/lib-ulp.sh
. "$(dirname "$0")/lib-ulp.sh"
# shellcheck source=test/vm/lib-routes.sh
. "$(dirname "$0")/lib-routes.sh"

device_down() {
    srv ip link set tls0 down
}

feature_off() {
    srv ethtool -K tls0 tls-hw-tx-offload off
}

device_deleted() {
    srv ip link del tls0
}

# Deleted with its devices, since these do not hold the module.
module_removed() {
    srv ip link del tls0
    rmmod linetls_nic
}

# start [OPTIONS]: a connection that sends by the device until it is told.
start() {
    device_back
    rm -f "$work/enough"
    receive in 1.3 128
    transmit out 1.3 128 1000000 -w "$work/enough" -c 60000 -b 300000 "$@"
    wait_growth LinetlsDevicePackets 10
    is_eq "$(ulp_stat LinetlsCurrTxDevice)" 1 "connections on the device"
}

# lose HOW REASON COUNTER
lose() {
    local how=$1 reason=$2 counter=$3 before
    say "$how"
    start
    before=$(ulp_stat "$counter")
    "$how"
    wait_growth LinetlsSoftwarePackets 10
    is_eq "$(ulp_stat "$counter")" $((before + 1)) "$counter, $how"
    is_eq "$(ulp_stat LinetlsCurrTxDevice)" 0 "on the device, $how"
    is_eq "$(ulp_stat LinetlsCurrTxSw)" 1 "in software, $how"
    touch "$work/enough"
    pair_done in out
    is_eq "$(status_of out path)" 0 "path, $how"
    is_eq "$(status_of out reason)" "$reason" "reason, $how"
    is_eq "$(status_of out ifindex)" 0 "ifindex, $how"
    wait_idle
    # The device comes back and takes the next one.
    device_back
    transfer 1.2 256 50000
    is_eq "$(status_of out path)" 1 "path of the next connection, $how"
    wait_idle
}

ulp_begin
second_wire
# A transfer that leaves time for everything else.
far_netem delay 1ms rate 8mbit
capture_start wire0
capture_start wire1 eth1

lose device_down 4 LinetlsReasonDeviceDown
lose feature_off 7 LinetlsReasonFeatureOff
lose device_deleted 4 LinetlsReasonDeviceDown
lose module_removed 4 LinetlsReasonDeviceDown

say "the device comes back in the life of a connection"
start
device_down
wait_growth LinetlsSoftwarePackets 10
device_back
wait_growth LinetlsDevicePackets 10
touch "$work/enough"
pair_done in out
is_eq "$(status_of out path)" 1 "path after the device came back"
wait_idle

say "a connection that requires the device ends with it"
start -m 2
device_deleted
must_fail finish out
log_has out 'send at .*: Network is down' ||
    fail "not ENETDOWN but $(<"$work/out.log")"
stop in
wait_idle
rmmod linetls_nic

leak_free wire0
leak_free wire1
no_drops
unload
