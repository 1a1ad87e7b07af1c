#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Ways on which something is put around the packets: GRE, IPIP, a route that
# encapsulates, IPsec. What is put around is ciphertext, and a connection that
# is moved there comes back to the device.
# shellcheck source-path=SCRIPTDIR disable=SC2034
. "${LINETLS_SRC:?}/test/vm/lib-ulp.sh"
. "$LINETLS_SRC/test/vm/lib-provider.sh"
. "$LINETLS_SRC/test/vm/lib-routes.sh"

need nginx curl wget tcpdump openssl ethtool

OUTER_SRV=10.9.0.1 OUTER_CLI=10.9.0.2

# tunnel NAME TYPE...: between the outer addresses, whose route is the device.
tunnel() {
    local name=$1
    shift
    ip -n srv link add "$name" type "$@" local $OUTER_SRV remote $OUTER_CLI
    ip -n cli link add "$name" type "$@" local $OUTER_CLI remote $OUTER_SRV
    ip -n srv link set "$name" up
    ip -n cli link set "$name" up
}

encapsulate() {
    ip -n srv route replace "$CLI4/32" src "$SRV4" dev gre9 \
        encap ip id 9 dst $OUTER_CLI
}

# The client takes what comes without IPsec, too.
ipsec() {
    local ns key=0x000102030405060708090a0b0c0d0e0f10111213
    for ns in srv cli; do
        ip -n $ns xfrm state add src "$SRV4" dst "$CLI4" proto esp \
            spi 0x700 reqid 7 mode transport aead 'rfc4106(gcm(aes))' $key 128
    done
    ip -n srv xfrm policy add src "$SRV4" dst "$CLI4" dir out \
        tmpl src "$SRV4" dst "$CLI4" proto esp reqid 7 mode transport
}

no_ipsec() {
    ip -n srv xfrm policy flush
    ip -n srv xfrm state flush
    ip -n cli xfrm state flush
}

routes_begin
modprobe -a ip_gre ipip esp4
ip -n srv addr add $OUTER_SRV/32 dev lo
ip -n cli addr add $OUTER_CLI/32 dev lo
neighbours srv tls0 "$CLI_MAC" $OUTER_CLI
ip -n srv route add $OUTER_CLI/32 dev tls0 src $OUTER_SRV
ip -n cli route add $OUTER_SRV/32 dev eth0 src $OUTER_CLI
start_nginx
back=(way tls0)

tunnel gre7 gre
detour "GRE" 9 way gre7
way gre7
in_software "GRE" LinetlsReasonNoFeature fetch curl 1.2

tunnel ipip7 ipip
detour "IPIP" 9 way ipip7
way ipip7
in_software "IPIP" LinetlsReasonNoFeature fetch wget 1.3

for ns in srv cli; do
    ip -n $ns link add gre9 type gre external
    ip -n $ns link set gre9 up
done
detour "encapsulating route" 8 encapsulate
encapsulate
in_software "encapsulating route" LinetlsReasonWrapped fetch curl 1.3

back=(no_ipsec)
detour "IPsec" 8 ipsec
ipsec
in_software "IPsec" LinetlsReasonWrapped fetch wget 1.2
no_ipsec

no_drops
routes_end
