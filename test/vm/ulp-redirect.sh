#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Behind TCP's route to the device, tc, nftables and queues take packets
# elsewhere, or make copies of them. What goes elsewhere is encrypted in
# software; a copy has no socket, and is dropped, be it that tc redirects
# copies: then the connection has to notice. What a queue damages stays damaged.
# shellcheck source-path=SCRIPTDIR disable=SC2034,SC2119
. "${LINETLS_SRC:?}/test/vm/lib-ulp.sh"
. "$LINETLS_SRC/test/vm/lib-routes.sh"

need nft tc

# tc_egress MIRRED...: of what enters tls0
tc_egress() {
    srv tc filter replace dev tls0 egress prio 1 protocol ip matchall \
        action mirred "$@"
}

no_tc() {
    srv tc filter del dev tls0 egress
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

# nft_output STATEMENT...: for what leaves, before it is routed again
nft_output() {
    srv nft -f - <<END
table ip t {
    chain output {
        type route hook output priority mangle
        ip daddr $CLI4 $*
    }
}
END
}

mark() {
    nft_output meta mark set 7
}

# Fragments: to a smaller MTU without DF.
cut() {
    nft_output ip frag-off set 0 meta mark set 8
}

# tx_dropped DEV
tx_dropped() {
    local fields
    read -r -a fields < <(srv grep "$1:" /proc/net/dev)
    echo "${fields[12]}"
}

# copied WHAT COPY END DEV: COPY has packets copied to DEV, until END.
copied() {
    local what=$1 copy=$2 end=$3 dev=$4 device dropped
    say "$SECONDS s: $what"
    dropped=$(tx_dropped "$dev")
    begin_transfer
    wait_growth LinetlsDevicePackets 5
    $copy
    device=$(ulp_stat LinetlsDevicePackets)
    wait_for grew LinetlsDevicePackets $((device + 20))
    $end
    end_transfer
    is_eq "$(status_of out fallbacks)" 0/0 "fallbacks, $what"
    is_eq "$(status_of out dropped)" 0 "packets dropped, $what"
    is_gt "$(tx_dropped "$dev")" $((dropped + 9)) "copies dropped, $what"
}

# lost WHAT THERE BACK DROPPED...: THERE takes copies elsewhere and the packets
# nowhere, until the connection is encrypted in software. What DROPPED prints
# has grown.
lost() {
    local what=$1 there=$2 back=$3 dropped
    shift 3
    say "$SECONDS s: $what"
    dropped=$("$@")
    begin_transfer
    wait_growth LinetlsDevicePackets 5
    $there
    wait_growth LinetlsSoftwarePackets 20
    is_gt "$("$@")" "$dropped" "packets dropped, $what"
    $back
    end_transfer
    is_eq "$(status_of out fallbacks)" 1/10 "fallbacks, $what"
}

ulp_begin
modprobe -a sch_ingress sch_netem cls_matchall act_mirred dummy
second_wire
# Either wire leads to the same address, whoever wrote it into the packet.
cli ip link set eth1 address $CLI_MAC
neighbours srv eth1 $CLI_MAC $CLI4
srv tc qdisc add dev tls0 clsact
capture_start wire
capture_start other eth1

rerouted "nft fwd" fwd no_nft
srv ip rule add fwmark 7 lookup 7
ip -n srv route add $CLI4/32 dev eth1 src $SRV4 table 7
rerouted "nft mark" mark no_nft
srv ip rule add fwmark 8 lookup 8
ip -n srv route add $CLI4/32 dev eth1 src $SRV4 table 8 mtu 600
lost "nft without DF" cut no_nft ulp_stat LinetlsDropFragment
is_gt "$(mib cli Ip ReasmOKs)" 9 "packets in fragments of ciphertext"

copied "tc mirror" "tc_egress egress mirror dev eth1" no_tc eth1
copied "nft dup" "nft_egress dup to eth1" no_nft eth1
copied "netem duplicate" \
    "srv tc qdisc replace dev tls0 root netem duplicate 100%" \
    "srv tc qdisc del dev tls0 root" tls0

lost "tc redirect" "tc_egress egress redirect dev eth1" no_tc tx_dropped eth1
# Into a device's reception, and from there to the client as a router would.
ip -n srv link add dummy0 type dummy
ip -n srv link set dummy0 up
srv sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.accept_local=1
ip -n srv rule add iif dummy0 lookup 7
lost "tc redirect to ingress" "tc_egress ingress redirect dev dummy0" no_tc \
    tx_dropped eth1

say "$SECONDS s: netem corrupt"
errors=$(mib cli Tcp InCsumErrors)
srv tc qdisc replace dev tls0 root netem corrupt 5%
begin_transfer
spoilt() { [ "$(mib cli Tcp InCsumErrors)" -gt $((errors + 4)) ]; }
wait_for -t 60 spoilt
srv tc qdisc del dev tls0 root
end_transfer

leak_free wire
leak_free other
wait_idle
unload
