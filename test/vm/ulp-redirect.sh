#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Behind TCP's route to the device, tc, nftables and queues take packets
# elsewhere, or make copies of them. What goes elsewhere is encrypted in
# software; a copy has no socket, and is dropped. What a queue damages stays
# damaged.
# shellcheck source-path=SCRIPTDIR disable=SC2034,SC2119
. "${LINETLS_SRC:?}/test/vm/lib-ulp.sh"
. "$LINETLS_SRC/test/vm/lib-routes.sh"

need nft tc

tc_egress() {
    srv tc filter replace dev tls0 egress prio 1 protocol ip matchall \
        action mirred egress "$1" dev eth1
}

no_tc() {
    srv tc filter del dev tls0 egress
}

redirect() {
    tc_egress redirect
}

# nft_egress VERDICT...: for what enters tls0
nft_egress() {
    srv nft -f - <<END
table netdev t {
    chain egress {
        type filter hook egress device tls0 priority 0
        ip protocol tcp $*
    }
}
END
}

fwd() {
    nft_egress fwd to eth1
}

no_nft() {
    srv nft flush ruleset
}

# By the address of the client's second wire, to which an own route leads.
mark() {
    srv nft -f - <<END
table ip t {
    chain out {
        type route hook output priority mangle
        ip daddr $CLI4 meta mark set 7
    }
}
END
}

# copied WHAT COPY END: COPY has packets copied to eth1, until END.
copied() {
    local what=$1 copy=$2 end=$3 device
    say "$SECONDS s: $what"
    begin_transfer
    wait_growth LinetlsDevicePackets 5
    device=$(ulp_stat LinetlsDevicePackets)
    $copy
    wait_for grew LinetlsDevicePackets $((device + 20))
    $end
    end_transfer
    is_eq "$(status_of out fallbacks)" 0/0 "fallbacks, $what"
    is_eq "$(status_of out dropped)" 0 "packets dropped, $what"
}

# tx_dropped DEV
tx_dropped() {
    srv cat "/sys/class/net/$1/statistics/tx_dropped"
}

ulp_begin
modprobe -a sch_ingress sch_netem cls_matchall act_mirred dummy
second_wire
srv tc qdisc add dev tls0 clsact
capture_start wire
capture_start other eth1

rerouted "tc redirect" redirect no_tc
rerouted "nft fwd" fwd no_nft
srv ip rule add fwmark 7 lookup 7
ip -n srv route add $CLI4/32 dev eth1 src $SRV4 table 7
rerouted "nft mark" mark no_nft

dropped=$(tx_dropped eth1)
copied "tc mirror" "tc_egress mirror" no_tc
is_gt "$(tx_dropped eth1)" $((dropped + 9)) "copies dropped, tc mirror"
dropped=$(tx_dropped eth1)
copied "nft dup" "nft_egress dup to eth1" no_nft
is_gt "$(tx_dropped eth1)" $((dropped + 9)) "copies dropped, nft dup"
dropped=$(tx_dropped tls0)
copied "netem duplicate" \
    "srv tc qdisc replace dev tls0 root netem duplicate 100%" \
    "srv tc qdisc del dev tls0 root"
is_gt "$(tx_dropped tls0)" $((dropped + 9)) "copies dropped, netem"

# Into a device's reception, and from there to the client as a router would.
say "$SECONDS s: tc redirect to ingress"
ip -n srv link add dummy0 type dummy
ip -n srv link set dummy0 up
srv sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.accept_local=1
ip -n srv rule add iif dummy0 lookup 7
dropped=$(tx_dropped eth1)
begin_transfer
wait_growth LinetlsDevicePackets 5
srv tc filter add dev tls0 egress prio 1 protocol ip matchall \
    action mirred ingress redirect dev dummy0
# It goes on in software, which the client gets.
wait_growth LinetlsSoftwarePackets 10
is_gt "$(tx_dropped eth1)" "$dropped" "packets dropped, tc redirect to ingress"
no_tc
end_transfer
is_eq "$(status_of out fallbacks)" 1/10 "fallbacks, tc redirect to ingress"

say "$SECONDS s: netem corrupt"
errors=$(mib cli Tcp InCsumErrors)
srv tc qdisc replace dev tls0 root netem corrupt 10%
begin_transfer
spoilt() { [ "$(mib cli Tcp InCsumErrors)" -gt $((errors + 4)) ]; }
wait_for -t 60 spoilt
srv tc qdisc del dev tls0 root
end_transfer

leak_free wire
leak_free other
wait_idle
unload
