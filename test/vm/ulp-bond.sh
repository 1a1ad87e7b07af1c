#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# needs: long
#
# A bond over two linetls_nic. With one active device at a time, that one has
# the keys; when the bond moves to the other in mid-stream, by choice, for want
# of a carrier or since the device is gone, the keys follow it, and software
# encrypts what is in between or where no device is left. Where the device
# depends on the flow alone, that device has them; where it depends on anything
# else, software does it all.
#
#   namespace srv                                namespace cli
#          tls0 (linetls_nic) eth0 ---veth--- eth0
#   bond0 <                                        > br0
#          tls1 (linetls_nic) eth1 ---veth--- eth1
# shellcheck source-path=SCRIPTDIR disable=SC2119
. "${LINETLS_SRC:?}/test/vm/lib-ulp.sh"
. "$LINETLS_SRC/test/vm/lib-routes.sh"

BRIDGE_MAC=02:00:00:00:07:22

# bridge: the client's end of both wires.
bridge() {
    ip link add eth1 netns srv type veth peer name eth1 netns cli
    ip -n srv link set eth1 up
    ip -n srv link add link eth0 name tls0 type linetls_nic
    ip -n srv link add link eth1 name tls1 type linetls_nic
    ip -n cli link add br0 address $BRIDGE_MAC type bridge
    ip -n cli -4 addr flush dev eth0
    ip -n cli link set eth0 master br0
    ip -n cli link set eth1 up master br0
    ip -n cli link set br0 up
    ip -n cli addr add $CLI4/24 dev br0
}

# bond OPTIONS: of both devices, in which the server's address is.
bond() {
    local dev
    ip -n srv link add bond0 type bond miimon 20 "$@"
    for dev in tls0 tls1; do
        ip -n srv link set "$dev" down
        ip -n srv link set "$dev" master bond0
    done
    ip -n srv link set bond0 up
    ip -n srv addr add $SRV4/24 dev bond0
    neighbours srv bond0 $BRIDGE_MAC $CLI4
    neighbours cli br0 $SRV_MAC $SRV4
    wait_for lib_carrier srv bond0
}

no_bond() {
    wait_idle
    ip -n srv link del bond0
}

# encrypted DEV: packets
encrypted() {
    nic_stats "$1" | sed -n 's/^tx_tls_encrypted_packets: //p'
}

encrypts() {
    [ "$(encrypted "$1")" -gt "$2" ]
}

# moves_to DEV CMD...: CMD has the bond move a transfer there.
moves_to() {
    local dev=$1 before fallbacks reoffloads
    shift
    say "$SECONDS s: to $dev by $*"
    before=$(encrypted "$dev")
    fallbacks=$(ulp_stat LinetlsFallbacks)
    reoffloads=$(ulp_stat LinetlsReoffloads)
    "$@"
    wait_for encrypts "$dev" $((before + 10))
    is_eq "$(ulp_stat LinetlsFallbacks)" $((fallbacks + 1)) "fallbacks, $*"
    is_eq "$(ulp_stat LinetlsReoffloads)" $((reoffloads + 1)) "reoffloads, $*"
    is_eq "$(ulp_stat LinetlsCurrTxDevice)" 1 "connections on a device, $*"
}

active() {
    ip -n srv link set bond0 type bond active_slave "$1"
}

carrier() {
    ip -n cli link set "$1" "$2"
}

ulp_begin plain
modprobe -a linetls_nic bridge
modprobe bonding max_bonds=0
ip -n srv -4 addr flush dev eth0
bridge
capture_start wire0
capture_start wire1 eth1

bond mode active-backup primary tls0 primary_reselect failure
begin_transfer
wait_for encrypts tls0 10
is_eq "$(encrypted tls1)" 0 "packets of the device that is not active"
is_eq "$(ulp_stat LinetlsCurrTxDevice)" 1 "connections on a device"
moves_to tls1 active tls1
moves_to tls0 active tls0
moves_to tls1 carrier eth0 down
carrier eth0 up
wait_for lib_carrier srv tls0
moves_to tls0 ip -n srv link del tls1

say "$SECONDS s: no device is left that offloads"
software=$(ulp_stat LinetlsSoftwarePackets)
reasons=$(ulp_stat LinetlsReasonFeatureOff)
srv ethtool -K tls0 tls-hw-tx-offload off
wait_for grew LinetlsSoftwarePackets $((software + 10))
is_eq "$(ulp_stat LinetlsReasonFeatureOff)" $((reasons + 1)) "reasons"
is_eq "$(ulp_stat LinetlsCurrTxSw)" 1 "connections in software"
srv ethtool -K tls0 tls-hw-tx-offload on
before=$(encrypted tls0)
wait_for encrypts tls0 $((before + 10))
end_transfer
is_eq "$(status_of out path)" 1 "path at the end"
is_eq "$(status_of out reoffloads)" 5 "reoffloads"
is_eq "$(status_of out fallbacks)" 5/7 "fallbacks"
is_eq "$(status_of out ifindex)" \
    "$(ip -n srv -o link show tls0 | cut -d : -f 1)" "the device"
no_bond
ip -n srv link add link eth1 name tls1 type linetls_nic

say "$SECONDS s: the device depends on the flow"
bond mode balance-xor xmit_hash_policy layer3+4
before=$(($(encrypted tls0) + $(encrypted tls1)))
software=$(ulp_stat LinetlsSoftwarePackets)
for _ in 1 2 3 4; do
    transfer 1.2 256 200000
    is_eq "$(status_of out path)" 1 "path, balance-xor"
done
is_eq "$(ulp_stat LinetlsSoftwarePackets)" "$software" "packets in software"
is_gt $(($(encrypted tls0) + $(encrypted tls1))) $((before + 20)) \
    "packets of the devices"
no_bond

say "$SECONDS s: it depends on the packet"
bond mode balance-rr
transfer 1.3 256 200000
is_eq "$(status_of out path)" 0 "path, balance-rr"
is_eq "$(status_of out reason)" 3 "reason, balance-rr"
no_bond

leak_free wire0
leak_free wire1
no_drops
unload
