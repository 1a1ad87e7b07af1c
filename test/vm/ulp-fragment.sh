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

# squeeze COUNTER...: the route's MTU shrinks and grows, until what the command
# COUNTER prints is above 2. Each change finds packets that were made before it.
squeeze() {
    local try
    for try in $(seq 1 60); do
        mtu $((600 + try))
        wait_growth LinetlsRecords 2
        way tls0
        wait_growth LinetlsRecords 2
        [ "$("$@")" -lt 3 ] || return 0
    done
    fail "no packet was too big: $*"
}

# IP drops them, and tells their sender, by ICMP over lo.
begin_transfer
wait_growth LinetlsDevicePackets 5
squeeze mib srv Icmp OutDestUnreachs
end_transfer
is_eq "$(status_of out fallbacks)" 0/0 "fallbacks"

# No DF: IP fragments them.
back=(way tls0)
detour "a locked MTU" 11 mtu lock 600
srv sysctl -qw net.ipv4.ip_no_pmtu_disc=1
device=$(ulp_stat LinetlsDevicePackets)
begin_transfer
squeeze mib srv Ip FragCreates
end_transfer
is_eq "$(status_of out reason)" 11 "reason without DF"
is_eq "$(ulp_stat LinetlsDevicePackets)" "$device" "packets for the device"
is_eq "$(ulp_stat LinetlsReasonFragment)" 2 "reasons"

no_drops
leak_free wire
leak_free inside
wait_idle
unload
