#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A container whose uplink is linetls_nic, by routing and by a bridge: its
# connections are encrypted in software where they leave it, its namespace
# counts them and says why, and they end with it.
#
#   namespace con            namespace srv            namespace cli
#   10.6.0.1  veth0 -----veth-- con0 ... tls0 (eth0) ----- eth0
# shellcheck source-path=SCRIPTDIR disable=SC2034
. "${LINETLS_SRC:?}/test/vm/lib-ulp.sh"
. "$LINETLS_SRC/test/vm/lib-provider.sh"
. "$LINETLS_SRC/test/vm/lib-routes.sh"

need nginx curl wget tcpdump openssl ethtool

CON4=10.6.0.1 cert_ip=10.6.0.1

con() {
    nsenter --net=/run/netns/con "$@"
}

container() {
    ip netns add con
    con sysctl -qw net.ipv4.conf.all.rp_filter=0 \
        net.ipv4.conf.default.rp_filter=0
    ip -n con link set lo up
    ip link add veth0 netns con type veth peer name con0 netns srv
    ip -n con addr add $CON4/24 dev veth0
    ip -n con link set veth0 up
    ip -n srv link set con0 up
    background host nsenter --net=/run/netns/con sleep infinity
    anchor=/proc/$(pid_of host)
    wait_for anchored
}

# A server and a sender in the container.
serve() {
    : >"$work/error.log"
    background nginx nsenter --net=/run/netns/con "${with_provider[@]}" \
        nginx -p "$work" -c nginx.conf -g 'daemon off;'
    wait_for log_has_socket
}

log_has_socket() {
    con ss -Htln "sport = :$NGINX_PORT" | grep -q .
}

transmit_inside() {
    background out nsenter --net=/run/netns/con "$peer" send -R 500000 \
        -w "$work/enough" "$ulp_host" "$ulp_port" 1.3 128 100000
}

inside() {
    in_software "$1" LinetlsReasonNoFeature fetch curl 1.3 $CON4
    in_software "$1" LinetlsReasonNoFeature fetch wget 1.2 $CON4
    is_eq "$(ulp_stat LinetlsDevicePackets)" 0 "packets for the device, $1"
}

routes_begin
modprobe bridge
container

say "$SECONDS s: routed"
srv sysctl -qw net.ipv4.ip_forward=1
ip -n srv addr add 10.6.0.254/24 dev con0
ip -n con route add default via 10.6.0.254
ip -n cli route add 10.6.0.0/24 via "$SRV4"
serve
inside routed

say "$SECONDS s: bridged"
ip -n srv addr del 10.6.0.254/24 dev con0
ip -n srv link add br0 type bridge
ip -n srv link set br0 up
ip -n srv link set tls0 master br0
ip -n srv link set con0 master br0
ip -n con route replace default dev veth0
ip -n cli route replace 10.6.0.0/24 dev eth0
inside bridged

say "$SECONDS s: the container ends in mid-stream"
receive in 1.3 128
transmit_inside
wait_growth LinetlsSoftwarePackets 5
is_eq "$(ulp_stat LinetlsCurrTxSw)" 1 "connections in the container"
stop out KILL
stop nginx
stop host
stop in
ip netns del con
anchor=/proc/$(pid_of anchor)
con_is_gone() { ! ip -n srv link show con0; }
wait_for con_is_gone

no_drops
is_eq "$(nic_stat tx_tls_ctx)" 0 "contexts of the device"
routes_end
