#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Creating and deleting linetls_nic devices: what is refused and why, and what
# follows from the lower device.
# shellcheck source-path=SCRIPTDIR disable=SC2016,SC2119,SC2317
. "${LINETLS_SRC:?}/test/vm/lib.sh"
. "$LINETLS_SRC/test/vm/lib-nic.sh"

# refused MESSAGE COMMAND...: fails, and it is said why
refused() {
    local message=$1
    shift
    if "$@" 2>"$work/refused"; then
        return 1
    fi
    cat "$work/refused"
    grep -qF "$message" "$work/refused"
}

add() { ip -n srv link add "$@" type linetls_nic; }
add_at() { ip -n srv link add link "$@" type linetls_nic; }
link_says() {
    ip -n srv link show dev "$1" | sed -n "s|.* $2 \([^ ]*\) .*|\1|p"
}
mtu() { link_says "$1" mtu; }
address() { link_says "$1" link/ether; }
has_flag() { [[ $(ip -n srv link show dev "$1") =~ [\<,]$2[,\>] ]]; }
lacks_flag() { ! has_flag "$@"; }
feature() { [[ $(srv ethtool -k tls0) == *"$1: $2"* ]]; }
gone() { ! ip -n srv link show dev "$1"; }
same_mtu() { [ "$(mtu tls0)" -eq "$1" ]; }
same_address() { [ "$(address tls0)" = "$(address eth0)" ]; }

need ethtool nc
topology

check "no lower device" refused "a lower device is required" add tls1
check "loopback" refused "the lower device is a loopback device" \
    add_at lo name tls1
check "one above itself" refused "the lower device is a linetls_nic" \
    add_at tls0 name tls1
check "a second one" refused "the lower device has a linetls_nic already" \
    add_at eth0 name tls1
ip -n srv link add veth1 type veth peer name veth2
ip -n srv link add bridge0 type bridge
ip -n srv link set veth1 master bridge0
check "a bridge port" refused "the lower device is in use by another device" \
    add_at veth1 name tls1
check "an address of its own" refused "the address is the lower device's" \
    add_at veth2 name tls1 address 02:00:00:00:00:01
check "an MTU above the lower one's" \
    refused "the MTU exceeds the lower device's" \
    add_at veth2 name tls1 mtu 9000
modprobe tun
if ip -n srv tuntap add dev tun0 mode tun; then
    check "not Ethernet" refused "the lower device is not Ethernet" \
        add_at tun0 name tls1
else
    fail "no tun device to try"
fi
ip -n srv link add dummy0 type dummy
lower=dummy0
for i in 1 2 3 4 5 6; do
    ip -n srv link add link $lower name m$i type vlan id $i
    lower=m$i
done
check "nested as deep as may be" add_at $lower name tls1
ip -n srv link del tls1
ip -n srv link add link $lower name m7 type vlan id 7
check "nested deeper" refused "devices are nested too deep" \
    add_at m7 name tls1
ip -n srv link del m1

check "features are on" feature tls-hw-tx-offload on
check "offload can be switched off" \
    srv ethtool -K tls0 tls-hw-tx-offload off
check "and is" feature tls-hw-tx-offload off
check "and on" srv ethtool -K tls0 tls-hw-tx-offload on
check "segmentation offload" feature tcp-segmentation-offload on
check "checksum offload" feature tx-checksumming on
srv ethtool -K tls0 tx off >/dev/null
check "no TLS without checksums" feature tls-hw-tx-offload off
srv ethtool -K tls0 tx on >/dev/null
check "driver's name" \
    eval 'srv ethtool -i tls0 | grep -q "driver: linetls_nic"'

check "the MTU is the lower one's" same_mtu 1500
ip -n srv link set eth0 mtu 1400
check "it follows" same_mtu 1400
check "no larger one" refused "Invalid argument" ip -n srv link set tls0 mtu 1401
ip -n srv link set eth0 mtu 1500
check "it follows back" same_mtu 1500
check "the address is the lower one's" same_address
ip -n srv link set eth0 address 02:00:00:00:00:99
check "it follows" same_address
check "a new one" ip -n srv link set tls0 address 02:00:00:00:00:01
check "is both devices'" same_address
check "no address of a group" refused "Cannot assign requested address" \
    ip -n srv link set tls0 address 01:00:00:00:00:01

ip -n cli link set eth0 down
# no carrier without the lower one's
wait_for -t 5 lacks_flag tls0 LOWER_UP
ip -n cli link set eth0 up
# carrier with it
wait_for -t 5 has_flag tls0 LOWER_UP
ip -n srv link set eth0 down
# no carrier when the lower one is down
wait_for -t 5 lacks_flag tls0 LOWER_UP
ip -n srv link set tls0 down
check "does not go up above one that is down" \
    refused "Network is down" ip -n srv link set tls0 up
ip -n srv link set eth0 up
check "goes up above one that is up" ip -n srv link set tls0 up
background nc srv nc -l -p 5000
wait_for listening 5000
echo hello >"$work/hello"
check "traffic passes" cli nc -N $SRV4 5000 <"$work/hello"
finish nc
check "and arrives" cmp "$work/nc.log" "$work/hello"

check "debugfs" test -e $debugfs/tls0/fail_add
ip -n srv link set tls0 down
ip -n srv link set tls0 name tls7
check "debugfs follows the name" test -e $debugfs/tls7/fail_add
check "and leaves the old one" test ! -e $debugfs/tls0
check "stays in its namespace" \
    refused "Invalid argument" ip -n srv link set tls7 netns cli
ip -n cli link add link eth0 name tls7 type linetls_nic
inum=$(cli readlink /proc/self/ns/net | tr -dc 0-9)
check "same name in another namespace" test -e "$debugfs/tls7@$inum/fail_add"
ip -n cli link del tls7

ip -n srv link del tls7
check "deleted" gone tls7
check "debugfs is clean" test -z "$(ls $debugfs)"
for i in $(seq 20); do
    add_at eth0 name tls0
    ip -n srv link set tls0 up
    ip -n srv link del tls0
done
check "again and again" add_at eth0 name tls0
ip -n srv link del eth0
check "goes with the lower device" gone tls0

ip -n srv link add veth3 type veth peer name veth4
add_at veth3 name tls0
ip -n srv link set veth3 netns cli
check "goes when the lower device moves away" gone tls0
add_at veth4 name tls0
check "the module unloads with devices" rmmod linetls_nic
check "and takes them along" gone tls0
