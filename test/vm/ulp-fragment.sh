#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Packets that don't fit the route: IP copies their payload into fragments, but
# not the mark that says plaintext, and quotes it in ICMP messages. Both get
# ciphertext.
# shellcheck source-path=SCRIPTDIR disable=SC2034,SC2119
. "${LINETLS_SRC:?}/test/vm/lib-ulp.sh"
. "$LINETLS_SRC/test/vm/lib-routes.sh"

# mtu N: of the route, which stays the device's.
mtu() {
    ip -n srv route replace "$CLI4/32" dev tls0 src "$SRV4" mtu "$@"
}

ulp_begin
way tls0
srv sysctl -qw net.ipv4.icmp_ratelimit=0
capture_start wire
capture_start inside lo

# Each change finds packets that were made before it. IP drops them, and tells
# their sender, by ICMP over lo.
begin_transfer
wait_growth LinetlsDevicePackets 5
for try in $(seq 1 60); do
    mtu $((600 + try))
    wait_growth LinetlsRecords 2
    way tls0
    wait_growth LinetlsRecords 2
    [ "$(mib srv Icmp OutDestUnreachs)" -lt 3 ] || break
done
end_transfer
is_gt "$(mib srv Icmp OutDestUnreachs)" 2 "packets too big"
is_eq "$(status_of out fallbacks)" 0/0 "fallbacks"

# No DF: IP may fragment whatever comes.
back=(way tls0)
detour "a locked MTU" 11 mtu lock 600
is_gt "$(mib srv Ip FragCreates)" 0 "fragments"
srv sysctl -qw net.ipv4.ip_no_pmtu_disc=1
transfer 1.2 128 300000
is_eq "$(status_of out reason)" 11 "reason without DF"
is_eq "$(ulp_stat LinetlsReasonFragment)" 2 "reasons"

no_drops
leak_free wire
leak_free inside
wait_idle
unload
