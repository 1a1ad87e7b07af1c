#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Devices above linetls_nic, which take the connection's packets first: VLAN,
# macvlan, ipvlan, a bridge. A connection that is moved there goes on in
# software and comes back to the device; one that begins there says why it has
# no device.
# shellcheck source-path=SCRIPTDIR disable=SC2034
. "${LINETLS_SRC:?}/test/vm/lib-ulp.sh"
. "$LINETLS_SRC/test/vm/lib-provider.sh"
. "$LINETLS_SRC/test/vm/lib-routes.sh"

need nginx curl wget tcpdump openssl ethtool

# above WHAT DEV CLIENT VERSION: the device has been made.
above() {
    srv ip link set "$2" up
    neighbours srv "$2" "$CLI_MAC" "$CLI4"
    detour "$1" 9 way "$2"
    way "$2"
    in_software "$1" LinetlsReasonNoFeature fetch "$3" "$4"
    way tls0
}

routes_begin
modprobe -a 8021q macvlan ipvlan bridge
start_nginx
back=(way tls0)

cli ip link add link eth0 name eth0.7 type vlan id 7
cli ip link set eth0.7 up
srv ip link add link tls0 name tls0.7 type vlan id 7
above "VLAN" tls0.7 curl 1.3
srv ip link del tls0.7

srv ip link add link tls0 name mv0 type macvlan mode bridge
above "macvlan" mv0 wget 1.2
srv ip link del mv0

for mode in l2 l3; do
    srv ip link add link tls0 name iv0 type ipvlan mode $mode
    above "ipvlan $mode" iv0 curl 1.2
    srv ip link del iv0
done

# What arrives on a port of a bridge is the bridge's; the connection can leave
# by the port itself all the same.
srv ip link add br0 type bridge
srv ip link set br0 up
srv ip link set tls0 master br0
above "bridge" br0 wget 1.3
srv ip link set tls0 nomaster

is_gt "$(nic_stat tx_tls_encrypted_packets)" 50 "packets of the device"
no_drops
routes_end
